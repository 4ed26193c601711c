import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LauncherConfig } from '@bridgework/kernel/config';
import { placeOfData, removeData, startEmbeddedPostgres } from '@bridgework/kernel/embedded-postgres';
import { findLauncher } from './data-folder.ts';
import { PlainError } from './plain-error.ts';
import { databaseFolder, FILES, hasDatabase } from './sandbox-files.ts';
import { readSecrets } from './secrets.ts';

/** Ours in a data folder; whatever else somebody keeps there stays. */
const OURS = [...Object.values(FILES), 'gateway', 'workers', 'sockets', 'launcher.pid'];

/** Forgets a sandbox's data. Throws while its launcher runs. */
export async function resetSandbox(config: Pick<LauncherConfig, 'DATA_DIR' | 'PG_BIN_DIR'>): Promise<string> {
  const dataDir = resolve(config.DATA_DIR);
  const launcher = findLauncher(dataDir);
  if (launcher !== undefined) {
    throw new PlainError(`The sandbox on ${dataDir} is running (process ${launcher}). Stop it with Ctrl-C first.`);
  }
  if (!existsSync(dataDir)) return `There is nothing to forget in ${dataDir}.`;
  if (hasDatabase(dataDir)) await stopLeftoverServer(dataDir, config.PG_BIN_DIR);
  removeData(databaseFolder(dataDir));
  for (const entry of readdirSync(dataDir)) {
    if (OURS.includes(entry) || /^(?:postgres|postgresql-|postgres\.building-)/.test(entry)) {
      rmSync(join(dataDir, entry), { recursive: true, force: true });
    }
  }
  if (readdirSync(dataDir).length === 0) rmdirSync(dataDir);
  return `Forgotten: ${dataDir}. The next npm start makes a new sandbox.`;
}

/** A launcher that was killed leaves its server running; it is adopted only to be stopped. */
async function stopLeftoverServer(dataDir: string, binDir: string | undefined): Promise<void> {
  const folder = databaseFolder(dataDir);
  if (!existsSync(join(placeOfData(folder), 'postmaster.pid'))) return;
  const { superuserPassword } = readSecrets(join(dataDir, FILES.secrets));
  const server = await startEmbeddedPostgres({ dataDir: folder, port: 0, superuserPassword, binDir });
  await server.stop();
}
