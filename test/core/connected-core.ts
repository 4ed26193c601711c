import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const root = join(import.meta.dirname, '../..');

/** The folder of the core that is verified: CORE_DIR, or else the worked example. Its SQL files run in the order of their names. */
export const coreFolder = resolve(root, process.env.CORE_DIR ?? 'docs/connecting-your-core/praxis');

/** A migrated database to which that core is connected, with the scene that the suites play on. */
export async function connectCore(): Promise<TestDatabase> {
  const database = await createDatabase();
  const files = readdirSync(coreFolder).filter((name) => name.endsWith('.sql'));
  for (const file of files.toSorted()) {
    await database.as('owner', 1).begin(async (tx) => {
      await tx.unsafe(readFileSync(join(coreFolder, file), 'utf8'));
    });
  }
  return database;
}
