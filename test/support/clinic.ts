import { randomBytes } from 'node:crypto';
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
import { type Scope, SUBGRAPH_NAMES } from '@bridgework/schema';
import { buildSubgraphHost } from '@bridgework/subgraph-host';
import { buildWorkers } from '@bridgework/workers';
import postgres, { type Sql } from 'postgres';
import { startCountingProxy } from './counting-proxy.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { type Receiver, startReceiver } from './receiver.ts';

/** An answer over HTTP. `body` is parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers as a partner's script would, by name.
  readonly body: any;
}

/** A signed-in person of the clinic. */
export interface Person {
  readonly jwt: string;
  /** Runs query text as this person. */
  ask(text: string, variables?: Record<string, unknown>): Promise<Answer>;
  /** As {@link ask}; throws unless it went well. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  run(text: string, variables?: Record<string, unknown>): Promise<any>;
}

/** A registered, approved partner with one token. */
export interface Partner {
  readonly integrationId: string;
  readonly tokenId: string;
  readonly token: string;
  /** Ids of the activated documents by operation name. */
  readonly documents: Readonly<Record<string, string>>;
  /** POST /graphql with this body. */
  graphql(body: unknown): Promise<Answer>;
  /** A registered document by its operation name. */
  call(name: string, variables?: Record<string, unknown>): Promise<Answer>;
  rest(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
}

export interface PartnerOptions {
  readonly scopes: readonly Scope[];
  /** Texts of documents to register, approve and activate. */
  readonly documents?: readonly string[];
  /** A manifest as a client's tools write it, instead of `documents`. */
  readonly manifest?: string;
  readonly adHoc?: boolean;
  readonly allowedImageHosts?: readonly string[];
}

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

type Request = Clinic['fetch'];

export function createRequest(origin: string): Request {
  return async (path, init) => {
    const response = await fetch(`${origin}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
}

const post = (request: Request, bearer: string, body: unknown): Promise<Answer> =>
  request('/graphql', {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

export function createPerson(request: Request, jwt: string): Person {
  const ask: Person['ask'] = (query, variables = {}) => post(request, jwt, { query, variables });
  return {
    jwt,
    ask,
    async run(query, variables) {
      const answer = await ask(query, variables);
      if (answer.status !== 200 || answer.body?.errors !== undefined)
        throw new Error(`${answer.status} ${answer.text}`);
      return answer.body.data;
    },
  };
}

const key = (): string => randomBytes(12).toString('hex');

/** As a clinic would: Huda registers and submits, Omar approves, and a token is issued. */
export async function registerPartner(
  request: Request,
  { huda, omar }: Pick<Clinic, 'huda' | 'omar'>,
  { scopes, documents = [], manifest = manifestOf(documents), adHoc = false, allowedImageHosts = [] }: PartnerOptions,
): Promise<Partner> {
  const { registerIntegration } = await huda.run(
    `mutation ($input: RegisterIntegrationInput!, $key: String!) { registerIntegration(input: $input, idempotencyKey: $key) { id } }`,
    {
      key: key(),
      input: {
        name: `Partner ${key()}`,
        purpose: 'Shows what partners may do.',
        businessJustification: 'The tests need one.',
        dataScope: 'Whatever its scopes say.',
        riskAssessment: 'None: fake data.',
        internalOwner: 'Huda Al-Salem',
        reviewIntervalMonths: 6,
        requestedScopes: scopes,
        adHoc,
        allowedImageHosts,
      },
    },
  );
  const integrationId: string = registerIntegration.id;
  await huda.run('mutation ($id: ID!) { submitIntegration(id: $id) { id } }', { id: integrationId });
  await omar.run('mutation ($id: ID!) { approveIntegration(id: $id) { id } }', { id: integrationId });
  const ids = await activateDocuments({ huda, omar }, integrationId, manifest);
  const { issueToken } = await huda.run(
    `mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) { secret token { id } } }`,
    {
      key: key(),
      input: { integrationId, name: 'main', scopes, expiresAt: new Date(Date.now() + 86_400_000).toISOString() },
    },
  );
  const token: string = issueToken.secret;
  const bearer = { authorization: `Bearer ${token}` };
  const partner: Partner = {
    integrationId,
    tokenId: issueToken.token.id,
    token,
    documents: ids,
    graphql: (body) => post(request, token, body),
    call: (name, variables = {}) => post(request, token, { documentId: ids[name], variables }),
    rest: (method, path, { body, headers } = {}) =>
      request(`/api/v1${path}`, {
        method,
        headers: { ...bearer, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  };
  // The gateway learns of a token and its documents by the control stream.
  await eventually(async () => (await partner.rest('GET', '/me')).status === 200, { what: 'the token is good' });
  for (const id of Object.values(ids)) {
    await eventually(
      async () => {
        const { body } = await partner.graphql({ documentId: id });
        return body?.errors?.[0]?.extensions?.code !== 'PERSISTED_DOCUMENT_NOT_FOUND';
      },
      { what: `document ${id} is known` },
    );
  }
  return partner;
}

const manifestOf = (texts: readonly string[]): string | undefined =>
  texts.length === 0
    ? undefined
    : JSON.stringify(Object.fromEntries(texts.map((text, position) => [`document-${position}`, text])));

async function activateDocuments(
  { huda, omar }: Pick<Clinic, 'huda' | 'omar'>,
  integrationId: string,
  manifest: string | undefined,
): Promise<Record<string, string>> {
  if (manifest === undefined) return {};
  const { registerDocumentSet } = await huda.run(
    `mutation ($integrationId: ID!, $manifest: String!, $key: String!) {
      registerDocumentSet(integrationId: $integrationId, name: "tests", manifest: $manifest, idempotencyKey: $key) {
        valid documentSet { id } documents { id name errors }
      }
    }`,
    { integrationId, manifest, key: key() },
  );
  if (!registerDocumentSet.valid) throw new Error(JSON.stringify(registerDocumentSet.documents));
  const id = registerDocumentSet.documentSet.id;
  await omar.run('mutation ($id: ID!) { approveDocumentSet(id: $id) { id } }', { id });
  await omar.run('mutation ($id: ID!) { activateDocumentSet(id: $id) { id } }', { id });
  return Object.fromEntries(
    registerDocumentSet.documents.map((one: { id: string; name: string }) => [one.name, one.id]),
  );
}
