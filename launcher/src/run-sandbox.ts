import { mkdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { LauncherConfig } from '@bridgework/kernel/config';
import { freePort, isFree } from '@bridgework/kernel/embedded-postgres';
import { createLogger } from '@bridgework/kernel/logger';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import postgres from 'postgres';
import { renderBanner } from './banner.ts';
import { provideCredentials, readCredentials } from './credentials.ts';
import type { DataFolder } from './data-folder.ts';
import { createDevelopmentIssuer } from './development-issuer.ts';
import { findPayable } from './find-payable.ts';
import { chooseMetricsPorts } from './metrics-ports.ts';
import { PlainError } from './plain-error.ts';
import { planProcesses } from './processes.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { openSandboxDatabase } from './sandbox-database.ts';
import { databaseFolder, FILES, hasDatabase } from './sandbox-files.ts';
import { readState, writeState } from './sandbox-state.ts';
import { readOrMakeSecrets } from './secrets.ts';
import { seedClinic } from './seed/seed-clinic.ts';
import { startSimulator } from './simulator/start-simulator.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { type Supervised, supervise } from './supervise.ts';

export interface SandboxOptions {
  readonly config: LauncherConfig;
  readonly folder: DataFolder;
  readonly say: (sentence: string) => void;
  /** Ctrl-C: what is being started is finished, then everything is stopped. */
  readonly signal: AbortSignal;
  /** Receives what must be undone, in the order in which it was done. */
  readonly onStop: (undo: Undo) => void;
  readonly path: string;
}

export interface Undo {
  readonly stop: () => Promise<void>;
  readonly kill?: () => void;
}

const DEFAULT_RECEIVER_PORT = 4010;
const STOP_DEADLINE_MS = 12_000;

/** Starts the whole sandbox and answers its banner. Throws plain sentences; what it had started is undone by the caller. */
export async function runSandbox(options: SandboxOptions): Promise<string> {
  const { config, folder, say, signal, onStop } = options;
  const begunAt = Date.now();
  const gatewayUrl = originOf(config);
  const sockets = makeSocketFolder(folder.path);
  const addresses = await chooseAddresses(sockets);
  await waitForLeftovers(config, addresses, folder.wasAbandoned);

  const secrets = await readOrMakeSecrets(folder.file(FILES.secrets), hasDatabase(folder.path));
  const issuer = await createDevelopmentIssuer(secrets.issuerKey);
  const state = readState(folder.file(FILES.state));

  say('Starting PostgreSQL …');
  const dataDir = databaseFolder(folder.path);
  const database = await openSandboxDatabase({ config, dataDir, secrets, say, lastPort: state.databasePort });
  onStop({ stop: () => database.stop() });
  signal.throwIfAborted();
  const clinic = await seedOnFirstStart(database.ownerUrl, say);
  if (clinic) say(`A clinic with ${clinic.patients.length} patients and ${clinic.appointments.length} appointments.`);
  signal.throwIfAborted();

  const receiver = await openReceiver(
    state.receiverPort,
    readCredentials(folder.file(FILES.credentials))?.webhook.secret,
  );
  onStop({ stop: () => receiver.close() });
  writeState(folder.file(FILES.state), {
    databasePort: database.port,
    receiverPort: Number(new URL(receiver.url).port),
  });

  for (const name of ['gateway', 'workers']) mkdirSync(folder.file(name), { recursive: true, mode: 0o700 });
  say('Starting the subgraphs, the gateway and the workers …');
  const metricsPorts = await chooseMetricsPorts(config.METRICS_PORT);
  const plans = planProcesses({
    ...{ config, secrets, issuer, addresses, metricsPorts, dataDir: folder.path, path: options.path },
    urlFor: database.urlFor,
    egressAllow: [new URL(receiver.url).origin, ...config.EGRESS_ALLOW],
  });
  // Stopped in the reverse order: the gateway first, so that nobody is cut off in the middle of an answer.
  const processes = [plans.host, plans.workers, plans.gateway].map((plan) => start(plan, options));
  await untilAborted(Promise.all(processes.map(({ ready }) => ready)), signal);

  const log = createLogger('simulator', { level: 'silent' });
  const simulator = startSimulator({ coreUrl: database.urlFor('core_app'), log });
  onStop({ stop: () => simulator.close() });

  const credentialsFile = folder.file(FILES.credentials);
  const credentials = await provideCredentials({
    file: credentialsFile,
    gatewayUrl,
    receiverUrl: receiver.url,
    issuer,
    say,
  });
  receiver.trust(credentials.webhook.secret);
  return renderBanner({
    credentials,
    credentialsFile,
    logFolder: folder.file(FILES.logs),
    metricsPorts,
    payable: await findPayable(database.ownerUrl),
    now: new Date(),
    tookMs: Date.now() - begunAt,
  });
}

function start(plan: Parameters<typeof supervise>[0], { say, onStop }: SandboxOptions): Supervised {
  const supervised = supervise(plan, { say });
  onStop({ stop: () => supervised.stop(STOP_DEADLINE_MS), kill: () => supervised.kill() });
  return supervised;
}

async function seedOnFirstStart(ownerUrl: string, say: (sentence: string) => void) {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const [found] = await sql`select 1 from appointment.clinic_settings`;
    if (found !== undefined) return undefined;
  } finally {
    await sql.end({ timeout: 5 });
  }
  say('Filling the clinic with made-up people …');
  return seedClinic(ownerUrl, { now: new Date() });
}

/** The development sign-in is for this machine alone, hence so is the gateway. */
function originOf({ HOST, PORT }: LauncherConfig): string {
  if (!['127.0.0.1', '::1', 'localhost'].includes(HOST)) {
    throw new PlainError(
      `The sandbox signs in made-up managers, so it listens on loopback only; HOST=${HOST} is refused. Use HOST=127.0.0.1, or run the processes with settings of their own (docs/operator-guide.md).`,
    );
  }
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`;
}

async function chooseAddresses(sockets: string | undefined): Promise<Record<SubgraphName, string>> {
  const entries = SUBGRAPH_NAMES.map(async (name) => [
    name,
    sockets === undefined ? `http://127.0.0.1:${await freePort()}` : `unix:${join(sockets, `${name}.sock`)}`,
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Record<SubgraphName, string>;
}

/**
 * Processes whose launcher was killed end by themselves, but may take a moment. Anybody else's program on our port is
 * named at once.
 */
async function waitForLeftovers(
  config: LauncherConfig,
  addresses: Record<SubgraphName, string>,
  wasAbandoned: boolean,
): Promise<void> {
  const deadline = Date.now() + (wasAbandoned ? STOP_DEADLINE_MS : 0);
  const socketFiles = Object.values(addresses).flatMap((one) => (one.startsWith('unix:') ? [one.slice(5)] : []));
  for (;;) {
    const portIsFree = await isFree(config.PORT, config.HOST);
    const answering = (await Promise.all(socketFiles.map(isAnswered))).includes(true);
    if (portIsFree && !answering) return;
    if (Date.now() > deadline) {
      throw new PlainError(
        portIsFree
          ? `Another program answers on the sockets of this data folder (${socketFiles[0]} …). End it first.`
          : `Port ${config.PORT} on ${config.HOST} is taken by another program. End it, or choose another port: PORT=${config.PORT + 100} npm start`,
      );
    }
    await setTimeout(100);
  }
}

const isAnswered = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/**
 * On the port of last time, because the endpoint's URL names it. When that is taken, another one, whose endpoint is yet
 * to be made: the old secret says nothing there.
 */
async function openReceiver(lastPort: number | undefined, secret: string | undefined): Promise<Receiver> {
  const port = lastPort ?? DEFAULT_RECEIVER_PORT;
  if (!(await isFree(port))) return startReceiver({ port: 0 });
  return startReceiver({ port, secrets: secret === undefined ? [] : [secret] });
}

/** Rejects at once on Ctrl-C: a process that hangs while starting must not be waited for. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
