import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { buildGateway } from '@bridgework/gateway';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import { readGatewayConfig, readSubgraphHostConfig, readWorkersConfig } from '@bridgework/kernel/config';
import { createLogger, type Logger } from '@bridgework/kernel/logger';
import {
  createDevelopmentIssuer,
  DEVELOPMENT_AUDIENCE,
  DEVELOPMENT_ISSUER,
  HUDA,
  makeSecrets,
  OMAR,
  RANA,
  type StaffMember,
  seedSmallClinic,
  startSimulator,
} from '@bridgework/launcher';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import { buildSubgraphHost } from '@bridgework/subgraph-host';
import { buildWorkers } from '@bridgework/workers';
import postgres, { type Sql } from 'postgres';
import { startCountingProxy } from './counting-proxy.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import {
  type Answer,
  createPerson,
  createRequest,
  type Partner,
  type PartnerOptions,
  type Person,
  registerPartner,
} from './partner.ts';
import { type Receiver, startReceiver } from './receiver.ts';

export interface GatewayChanges {
  readonly supergraphSdl?: string;
  readonly acceptBroken?: boolean;
}

/** The whole product in one process, as the launcher would start it in three, over a clinic of its own. */
export interface Clinic {
  readonly origin: string;
  readonly socketOf: (name: string) => string;
  readonly huda: Person;
  readonly omar: Person;
  readonly rana: Person;
  readonly receiver: Receiver;
  /** The clinic's own application, as role core_app. */
  readonly core: Sql;
  /** The database's owner: tests look at everything. */
  readonly owner: Sql;
  partner(options: PartnerOptions): Promise<Partner>;
  readonly databaseUrl: TestDatabase['urlFor'];
  /** One more gateway on the same registry, for example of the next build; does not listen. */
  anotherGateway(changes: GatewayChanges): ReturnType<typeof buildGateway>;
  /** Bytes the gateway has sent so far to the subgraphs that hold the clinic's data. */
  askedOfSubgraphs(): number;
  fetch(path: string, init?: RequestInit): Promise<Answer>;
  /** A further gateway over the same clinic, with other settings. */
  openGateway(settings: Readonly<Record<string, string>>): Promise<OpenGateway>;
  /** Settings of the subgraph host, to run a process of it. */
  readonly hostSettings: Readonly<Record<string, string | undefined>>;
  /** Waits until this audit entry is there. */
  audited(where: {
    action: string;
    result: string;
    integrationId?: string;
    entityId?: string;
    requestId?: string;
  }): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export interface OpenGateway {
  readonly origin: string;
  fetch(path: string, init?: RequestInit): Promise<Answer>;
  close(): Promise<void>;
}

const EXAMPLES = new URL('../../schema/operations/examples/', import.meta.url);

/** Texts of the example partner's documents. */
export async function exampleDocuments(): Promise<string[]> {
  const files = (await readdir(EXAMPLES)).filter((file) => file.endsWith('.graphql')).toSorted();
  return Promise.all(files.map((file) => readFile(new URL(file, EXAMPLES), 'utf8')));
}

export interface ClinicOptions {
  readonly redisUrl?: string;
  readonly simulator?: boolean;
  /** Where every part of the product logs; by default nowhere. */
  readonly log?: Logger;
  /** Settings of the gateway beside those it needs, for example its quota. */
  readonly gateway?: Readonly<Record<string, string>>;
  /** Settings of the subgraph host and of the workers beside those they need. */
  readonly host?: Readonly<Record<string, string>>;
  readonly workers?: Readonly<Record<string, string>>;
  /** Origins beside the receiver's that the workers may send to. */
  readonly egressAllow?: readonly string[];
  /** Between two looks at what patients are to be reminded of; half a minute otherwise. */
  readonly messagesEveryMs?: number;
  /** A database that has a clinic already, dropped with the rest; by default a new one is filled with the small clinic. */
  readonly database?: TestDatabase;
}

export async function startClinic(options: ClinicOptions = {}): Promise<Clinic> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bw-'));
  const [database, secrets, receiver] = await Promise.all([
    options.database ?? createFilledDatabase(),
    makeSecrets(),
    startReceiver(),
  ]);
  const issuer = await createDevelopmentIssuer(secrets.issuerKey);
  const socketOf = (name: string) => join(dataDir, `${name}.sock`);
  const addresses = addressesOf(SUBGRAPH_NAMES.map((name) => [name, socketOf(name)]));
  const proxies = await Promise.all(
    CLINICAL.map((name) => startCountingProxy(join(dataDir, `${name}-counted.sock`), socketOf(name))),
  );
  const shared = { CLINIC_ENV: 'sandbox', DATA_DIR: dataDir, REDIS_URL: options.redisUrl };
  const log = options.log ?? createLogger('test', { level: process.env.LOG_LEVEL ?? 'silent' });

  const hostSettings = {
    ...shared,
    ...addresses,
    APPOINTMENT_DATABASE_URL: database.urlFor('bridgework_appointment'),
    BILLING_DATABASE_URL: database.urlFor('bridgework_billing'),
    INVENTORY_DATABASE_URL: database.urlFor('bridgework_inventory'),
    INTEGRATION_DATABASE_URL: database.urlFor('bridgework_integration'),
    CALLER_PUBLIC_KEY: secrets.callerPublicKey,
    REGISTRY_SIGNING_KEY: secrets.registrySigningKey,
    SECRETS_KEY: secrets.secretsKey,
    TOKEN_PEPPER: secrets.tokenPepper,
    ...options.host,
  };
  const host = buildSubgraphHost(readSubgraphHostConfig(hostSettings), {
    subgraphs: [appointment, billing, inventory, integration],
    log,
  });
  await host.listen();

  const gatewayWith = (changes: Record<string, string>, deps: GatewayChanges = {}) =>
    buildGateway(
      readGatewayConfig({
        ...shared,
        ...addresses,
        ...addressesOf(CLINICAL.map((name) => [name, join(dataDir, `${name}-counted.sock`)])),
        PORT: '0',
        CALLER_SIGNING_KEY: secrets.callerSigningKey,
        REGISTRY_PUBLIC_KEY: secrets.registryPublicKey,
        TOKEN_PEPPER: secrets.tokenPepper,
        CURSOR_KEY: secrets.cursorKey,
        OIDC_ISSUER: DEVELOPMENT_ISSUER,
        OIDC_AUDIENCE: DEVELOPMENT_AUDIENCE,
        OIDC_JWKS: issuer.jwks,
        ...changes,
      }),
      {
        log,
        now: () => new Date(),
        ...(deps.supergraphSdl === undefined ? {} : { supergraphSdl: deps.supergraphSdl }),
      },
    );
  const openGateway: Clinic['openGateway'] = async (settings) => {
    const gateway = await gatewayWith(settings);
    const origin = await gateway.listen();
    await gateway.ready();
    return { origin, fetch: createRequest(origin), close: () => gateway.close() };
  };
  const gateway = await openGateway(options.gateway ?? {});
  const { origin } = gateway;

  const workers = buildWorkers(
    readWorkersConfig({
      ...shared,
      WORKERS_DATABASE_URL: database.urlFor('bridgework_workers'),
      SECRETS_KEY: secrets.secretsKey,
      AUDIT_SIGNING_KEY: secrets.auditSigningKey,
      EGRESS_ALLOW: [receiver.origin, ...(options.egressAllow ?? [])].join(','),
      ...options.workers,
    }),
    { log, ...(options.messagesEveryMs === undefined ? {} : { messagesEveryMs: options.messagesEveryMs }) },
  );
  await workers.start();
  const simulator =
    options.simulator === false ? undefined : await startSimulator({ coreUrl: database.urlFor('core_app'), log });

  const core = postgres(database.urlFor('core_app'), { max: 2, onnotice: () => undefined });
  const owner = postgres(database.ownerUrl, { max: 2, onnotice: () => undefined });
  const request = createRequest(origin);
  const personOf = async (member: StaffMember): Promise<Person> => createPerson(request, await issuer.signIn(member));
  const [huda, omar, rana] = await Promise.all([personOf(HUDA), personOf(OMAR), personOf(RANA)]);

  return {
    origin,
    socketOf,
    huda,
    omar,
    rana,
    receiver,
    core,
    owner,
    fetch: request,
    openGateway,
    hostSettings,
    databaseUrl: database.urlFor,
    anotherGateway: async (changes) =>
      gatewayWith(
        {
          DATA_DIR: await mkdtemp(join(dataDir, 'gateway-')),
          ACCEPT_BROKEN_DOCUMENTS: String(changes.acceptBroken ?? false),
        },
        changes,
      ),
    askedOfSubgraphs: () => proxies.reduce((sum, proxy) => sum + proxy.asked(), 0),
    partner: (wanted) => registerPartner(request, { huda, omar }, wanted),
    audited: (where) =>
      eventually(
        async () => {
          const rows = await owner<Record<string, unknown>[]>`
            select * from audit.entries
            where action = ${where.action} and result = ${where.result}
              and (${where.integrationId ?? null}::text is null or integration_id = ${where.integrationId ?? null})
              and (${where.entityId ?? null}::text is null or entity_id = ${where.entityId ?? null})
              and (${where.requestId ?? null}::text is null or request_id = ${where.requestId ?? null})`;
          return rows[0];
        },
        { what: `the audit log holds ${JSON.stringify(where)}` },
      ),
    async close() {
      await simulator?.close();
      await workers.close();
      await gateway.close();
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await host.close();
      await receiver.close();
      await Promise.all([core.end(), owner.end()]);
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function createFilledDatabase(): Promise<TestDatabase> {
  const database = await createDatabase();
  await seedSmallClinic(database.ownerUrl, { now: new Date() });
  return database;
}

const CLINICAL = ['appointment', 'billing', 'inventory'] as const;

const addressesOf = (sockets: readonly (readonly [name: string, path: string])[]): Record<string, string> =>
  Object.fromEntries(sockets.map(([name, path]) => [`${name.toUpperCase()}_URL`, `unix:${path}`]));
