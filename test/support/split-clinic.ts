import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@bridgework/kernel/embedded-postgres';
import {
  createDevelopmentIssuer,
  DEVELOPMENT_AUDIENCE,
  DEVELOPMENT_ISSUER,
  HUDA,
  makeSecrets,
  OMAR,
} from '@bridgework/launcher';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import postgres, { type Sql } from 'postgres';
import { type Clinic, createFilledDatabase } from './clinic.ts';
import { createPerson, createRequest, registerPartner } from './partner.ts';

/** The product as it runs on several machines: processes of their own, over TCP. */
export interface SplitClinic extends Pick<Clinic, 'huda' | 'omar' | 'partner'> {
  readonly owner: Sql;
  /** One for each gateway. */
  readonly requests: readonly Clinic['fetch'][];
  /** What a gateway shows under this name; NaN when it does not. */
  shows(index: number, metric: string): Promise<number>;
  /** Stops the process that serves the integration subgraph, and starts it again. */
  stopRegistry(): Promise<void>;
  startRegistry(): Promise<void>;
  restartGateway(index: number): Promise<void>;
  close(): Promise<void>;
}

const MAINS = {
  host: fileURLToPath(new URL('../../subgraphs/host/src/main.ts', import.meta.url)),
  gateway: fileURLToPath(new URL('../../gateway/src/main.ts', import.meta.url)),
};

export interface SplitClinicOptions {
  readonly redisUrl?: string;
  /** Three unless told. */
  readonly gateways?: number;
  /** Of each gateway, beside those it needs. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Gateways, one host for the clinic's own subgraphs, one for the registry. */
export async function startSplitClinic(options: SplitClinicOptions): Promise<SplitClinic> {
  const { redisUrl, gateways: count = 3, settings = {} } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'bw-split-'));
  const [database, secrets] = await Promise.all([createFilledDatabase(), makeSecrets()]);
  const issuer = await createDevelopmentIssuer(secrets.issuerKey);
  const shared = {
    PATH: process.env.PATH,
    CLINIC_ENV: 'sandbox',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  };
  const addresses: Record<string, string> = {};
  for (const name of SUBGRAPH_NAMES) addresses[`${name.toUpperCase()}_URL`] = `http://127.0.0.1:${await freePort()}`;
  const logins = Object.fromEntries(
    SUBGRAPH_NAMES.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, database.urlFor(`bridgework_${name}`)]),
  );
  const startHost = (subgraphs: string) =>
    start(MAINS.host, {
      ...{ ...shared, ...addresses, ...logins, SUBGRAPHS: subgraphs },
      CALLER_PUBLIC_KEY: secrets.callerPublicKey,
      REGISTRY_SIGNING_KEY: secrets.registrySigningKey,
      SECRETS_KEY: secrets.secretsKey,
      TOKEN_PEPPER: secrets.tokenPepper,
    });
  const ports = await freePorts(count);
  const metricsPorts = await freePorts(count);
  const startGateway = async (index: number) => {
    const folder = join(dataDir, `gateway-${index}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return start(MAINS.gateway, {
      ...{ ...shared, ...addresses, PORT: String(ports[index]), DATA_DIR: folder, ...settings },
      METRICS_PORT: String(metricsPorts[index]),
      CALLER_SIGNING_KEY: secrets.callerSigningKey,
      REGISTRY_PUBLIC_KEY: secrets.registryPublicKey,
      TOKEN_PEPPER: secrets.tokenPepper,
      CURSOR_KEY: secrets.cursorKey,
      OIDC_ISSUER: DEVELOPMENT_ISSUER,
      OIDC_AUDIENCE: DEVELOPMENT_AUDIENCE,
      OIDC_JWKS: issuer.jwks,
    });
  };
  const clinical = await startHost('appointment,billing,inventory');
  let registry = await startHost('integration');
  const gateways = await Promise.all(ports.map((_, index) => startGateway(index)));
  const requests = ports.map((port) => createRequest(`http://127.0.0.1:${port}`));
  const [front] = requests as [Clinic['fetch']];
  const huda = createPerson(front, await issuer.signIn(HUDA));
  const omar = createPerson(front, await issuer.signIn(OMAR));
  const owner = postgres(database.ownerUrl, { max: 2, onnotice: () => undefined });
  return {
    huda,
    omar,
    owner,
    requests,
    async shows(index, metric) {
      const response = await fetch(`http://127.0.0.1:${metricsPorts[index]}/metrics`);
      return Number(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await response.text())?.[1]);
    },
    partner: (wanted) => registerPartner(front, { huda, omar }, wanted),
    stopRegistry: () => stop(registry),
    async startRegistry() {
      registry = await startHost('integration');
    },
    async restartGateway(index) {
      const running = gateways[index];
      if (running !== undefined) await stop(running);
      gateways[index] = await startGateway(index);
    },
    async close() {
      await Promise.all([...gateways, clinical, registry].map(stop));
      await owner.end();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** Resolves when the process says that it serves. */
async function start(main: string, env: Record<string, string | undefined>): Promise<ChildProcess> {
  const child = fork(main, {
    execArgv: ['--conditions=@bridgework/source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`${main} ended with ${code}.`)));
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
