import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { contractPath } from '@bridgework/kernel/contract-files';
import { secureDatabase } from '@bridgework/kernel/migrate';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

/** A set of migrations that somebody's database may stand at. */
export interface LandedState {
  readonly name: string;
  readonly lastMigration: string;
}

/** Every release adds the row of its last migration. */
export const LANDED_STATES: readonly LandedState[] = [
  { name: 'the first', lastMigration: '0015_grants' },
  { name: 'the second', lastMigration: '0040_core_seams' },
  { name: 'the third', lastMigration: '0071_document_clock' },
  { name: 'the fourth', lastMigration: '0092_unplanned_invoices' },
];

interface JournalEntry {
  readonly tag: string;
}
interface Journal {
  readonly entries: readonly JournalEntry[];
}

const JOURNAL = 'meta/_journal.json';
const migrations = (): string => dirname(dirname(contractPath(`migrations/${JOURNAL}`)));
const readJournal = (): Journal => JSON.parse(readFileSync(join(migrations(), JOURNAL), 'utf8')) as Journal;

/** What a database at this state still lacks. */
export function migrationsAfter({ lastMigration }: LandedState): readonly string[] {
  const tags = readJournal().entries.map(({ tag }) => tag);
  return tags.slice(tags.indexOf(lastMigration) + 1);
}

/** A sandbox database as that release left it: its migrations alone, by the same migrator. */
export async function createLandedDatabase(state: LandedState): Promise<TestDatabase> {
  const database = await createDatabase({ empty: true });
  const folder = copyMigrations(state);
  try {
    const owner = database.as('owner', 1);
    await secureDatabase(owner);
    await applyMigrations(drizzle(owner), { migrationsFolder: folder });
    await owner`insert into integration.environment (name) values ('sandbox')`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return database;
}

function copyMigrations({ lastMigration }: LandedState): string {
  const journal = readJournal();
  const last = journal.entries.findIndex(({ tag }) => tag === lastMigration);
  if (last === -1) throw new Error(`There is no migration ${lastMigration}: migrations that have landed stay.`);
  const entries = journal.entries.slice(0, last + 1);
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-landed-'));
  mkdirSync(join(folder, 'meta'));
  writeFileSync(join(folder, JOURNAL), JSON.stringify({ ...journal, entries }));
  for (const { tag } of entries) cpSync(join(migrations(), `${tag}.sql`), join(folder, `${tag}.sql`));
  return folder;
}
