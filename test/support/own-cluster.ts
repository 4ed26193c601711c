import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@bridgework/kernel/embedded-postgres';
import { chooseAccount, runTool } from '@bridgework/kernel/embedded-postgres/account';
import { findBinaries } from '@bridgework/kernel/embedded-postgres/binaries';
import { LOGIN_ROLES, type LoginRole, migrate } from '@bridgework/kernel/migrate';
import postgres, { type Sql } from 'postgres';
import type { TestDatabase } from './database.ts';

/** A database on a server of its own, which may be torn down under everybody's feet. */
export interface OwnCluster {
  readonly database: TestDatabase;
  /** `pg_ctl -m immediate restart`: every connection breaks off, what was committed is recovered. */
  restartImmediately(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnCluster(): Promise<OwnCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-own-'));
  chmodSync(folder, 0o711);
  const superuserPassword = randomBytes(9).toString('hex');
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    superuserPassword,
    throwaway: true,
  });
  const account = chooseAccount(server.dataDir);
  const tool = join(findBinaries({ binDir: undefined, account, copyTo: folder }).folder, 'pg_ctl');
  const passwords = Object.fromEntries(LOGIN_ROLES.map((role) => [role, `own-${role}`])) as Record<LoginRole, string>;
  await migrate({
    ownerUrl: server.ownerUrl,
    environment: 'sandbox',
    rolePasswords: passwords,
    connectionLimit: 100,
  });
  const urlFor = (role: LoginRole): string => {
    const url = new URL(server.ownerUrl);
    url.username = role;
    url.password = passwords[role];
    return url.href;
  };
  const pools: Sql[] = [];
  const drop = async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end({ timeout: 2 })));
  };
  return {
    database: {
      name: 'postgres',
      ownerUrl: server.ownerUrl,
      urlFor,
      as(role, max = 4) {
        const url = role === 'owner' ? server.ownerUrl : urlFor(role);
        const pool = postgres(url, { max, onnotice: () => undefined });
        pools.push(pool);
        return pool;
      },
      drop,
    },
    async restartImmediately() {
      const log = join(server.dataDir, 'restart.log');
      const code = await runTool(account, tool, [
        'restart',
        '-D',
        server.dataDir,
        '-m',
        'immediate',
        '-l',
        log,
        '-w',
        '-s',
      ]);
      if (code !== 0) throw new Error(`pg_ctl restart ended with ${code}.`);
    },
    async stop() {
      await drop();
      await server.stop();
      rmSync(server.dataDir, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
