import { join, resolve } from 'node:path';
import {
  type LauncherConfig,
  readAuditVerifyConfig,
  readGatewayConfig,
  readLauncherConfig,
  readSubgraphHostConfig,
  readWorkersConfig,
  SettingsError,
} from '@bridgework/kernel/config';
import { refreshCredentials } from './credentials.ts';
import { takeDataFolder } from './data-folder.ts';
import { createDevelopmentIssuer } from './development-issuer.ts';
import { PlainError } from './plain-error.ts';
import { resetSandbox } from './reset-sandbox.ts';
import { runSandbox, type Undo } from './run-sandbox.ts';
import { FILES } from './sandbox-files.ts';
import { readSecrets } from './secrets.ts';
import { runSimulate } from './simulator/play/run-simulate.ts';
import { findAuditSource, verifyAudit } from './verify-audit.ts';

export interface MainOptions {
  /** The project's folder, from which a relative DATA_DIR is understood. */
  readonly root: string;
  readonly path: string;
  /** npm started us: when it is gone, so is whoever wanted the sandbox. */
  readonly underNpm: boolean;
  /** What stands behind the command. */
  readonly given: readonly string[];
}

const say = (sentence: string): void => {
  process.stderr.write(`${sentence}\n`);
};

/** COMPOSITION ROOT of `npm start` and of `npm run` reset, credentials, simulate and audit:verify. Sets the exit code. */
export async function main(command: string, options: MainOptions): Promise<void> {
  try {
    const given = readLauncherConfig();
    const config = { ...given, DATA_DIR: resolve(options.root, given.DATA_DIR) };
    if (command === 'reset') say(await resetSandbox(config));
    else if (command === 'credentials') await printCredentials(config);
    else if (command === 'simulate') await simulate(config.DATA_DIR, options.given);
    else if (command === 'audit:verify') await printAuditReport(config.DATA_DIR);
    else await start(config, options);
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof PlainError || error instanceof SettingsError) say(`\n${error.message}\n`);
    else say(`\nThe sandbox could not go on: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}

async function start(config: LauncherConfig, { path, underNpm }: MainOptions): Promise<void> {
  if (config.CLINIC_ENV === 'production') throw new PlainError(describeProduction());
  const folder = takeDataFolder(config.DATA_DIR);
  const undos: Undo[] = [];
  const interrupt = new AbortController();
  const stopped = new Promise<void>((resolveStopped) => {
    let asked = 0;
    const ask = () => {
      asked += 1;
      if (asked === 1) say('\nStopping …');
      else for (const { kill } of undos) kill?.();
      interrupt.abort(new PlainError('Stopped before it was ready.'));
      resolveStopped();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
    if (underNpm) askWhenParentIsGone(ask);
  });
  try {
    const banner = await runSandbox({
      ...{ config, folder, say, path },
      signal: interrupt.signal,
      onStop: (undo) => undos.push(undo),
    });
    process.stdout.write(banner);
    await stopped;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    for (const { stop } of undos.toReversed()) await stop().catch((error: unknown) => say(String(error)));
    folder.release();
  }
  say('Stopped. The data is kept.');
  process.exit(0);
}

/** npm passes a SIGTERM on to the shell between us alone, which then ends without telling us. */
function askWhenParentIsGone(ask: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    ask();
  }, 500);
  watch.unref();
}

async function simulate(dataDir: string, given: readonly string[]): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());
  await runSimulate({ dataDir, given, out: process.stdout, signal: interrupt.signal });
}

async function printCredentials(config: LauncherConfig): Promise<void> {
  const file = join(config.DATA_DIR, FILES.credentials);
  const secretsFile = join(config.DATA_DIR, FILES.secrets);
  const credentials = await refreshCredentials(file, () => createDevelopmentIssuer(readSecrets(secretsFile).issuerKey));
  process.stdout.write(`${JSON.stringify(credentials, null, 2)}\n`);
}

/** Exit code 1 when the log is not whole. */
async function printAuditReport(dataDir: string): Promise<void> {
  const report = await verifyAudit(findAuditSource({ ...readAuditVerifyConfig(), DATA_DIR: dataDir }));
  process.stdout.write(`${report.lines.join('\n')}\n`);
  if (!report.whole) process.exitCode = 1;
}

/** Every setting that production still lacks, of all three processes at once. */
function describeProduction(): string {
  const faults = [readSubgraphHostConfig, readGatewayConfig, readWorkersConfig].flatMap((read) => {
    try {
      read();
      return [];
    } catch (error) {
      return error instanceof SettingsError ? [error.message] : [];
    }
  });
  return [
    'npm start runs a sandbox with made-up data and never production. In production the three processes run by themselves',
    '(node subgraphs/host/dist/main.js, gateway/dist/main.js, workers/dist/main.js); docs/operator-guide.md says how.',
    ...faults,
  ].join('\n');
}
