import { spawn, spawnSync } from 'node:child_process';
import { chownSync, readFileSync, statSync } from 'node:fs';

/** The operating system account that PostgreSQL runs under; undefined means our own. PostgreSQL refuses to run as root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Accounts that are asked in this order when we are root; both come with nearly every system. */
const UNPRIVILEGED = ['postgres', 'nobody'];

/**
 * Undefined unless we are root. A folder that is in use already keeps the account that owns it.
 * Throws when root finds no account to hand the database to.
 */
export function chooseAccount(dataDir: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = ownerOf(dataDir);
  const earlier = accounts.find(({ uid }) => uid === owner && uid !== 0);
  if (earlier !== undefined) return earlier;
  for (const name of UNPRIVILEGED) {
    const account = accounts.find((one) => one.name === name && one.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new Error(
    'PostgreSQL does not run as root, and this system has neither an account "postgres" nor "nobody". ' +
      'Create one (useradd --system postgres) or start as another user.',
  );
}

/** Whether the account can enter the folder: a 0700 folder above it keeps everybody else out, whatever its own mode is. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  if (account === undefined) return true;
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...as(account), stdio: 'ignore' }).status === 0;
}

export function giveTo(account: Account | undefined, path: string): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

/** Runs a tool to its end; never with pipes, because what it starts would inherit them and keep them open. */
export function runTool(account: Account | undefined, command: string, parameters: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { ...as(account), stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** cwd '/': the folder we were started in may be closed to the account. */
function as(account: Account | undefined) {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  return account === undefined ? { cwd: '/', env } : { cwd: '/', env, uid: account.uid, gid: account.gid };
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(`${path}/PG_VERSION`).uid;
  } catch {
    return undefined;
  }
}

function readAccounts(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .flatMap(([name, , uid, gid]) =>
      name === undefined || uid === undefined || gid === undefined
        ? []
        : [{ name, uid: Number(uid), gid: Number(gid) }],
    );
}
