import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, verify } from 'node:crypto';
import { type DocumentSet, type Integration, subgraph } from '@bridgework/integration';
import type { IntegrationSecrets } from '@bridgework/kernel/config';
import type { Caller, Context, UserCaller } from '@bridgework/kernel/context';
import { openDatabase } from '@bridgework/kernel/database';
import { type Id, newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import type { FieldResolvers } from '@bridgework/kernel/subgraph';
import { ControlLine, ControlSnapshot, type Scope, scopesOfRole } from '@bridgework/schema';
import postgres, { type Sql } from 'postgres';
import { createDatabase } from './database.ts';
import { eventually } from './eventually.ts';

export const manager = (subject: string): UserCaller => ({
  kind: 'user',
  issuer: 'https://id.clinic.test',
  subject,
  name: subject,
  role: 'MANAGER',
  scopes: scopesOfRole('MANAGER'),
});
export const mariam = manager('mariam');
export const omar = manager('omar');

export type Registry = Awaited<ReturnType<typeof startRegistry>>;

/** The registry on a database of its own, called as the host calls it: resolvers with a context, control routes. */
export async function startRegistry({ singleManager = false } = {}) {
  const clinic = await createDatabase();
  const url = clinic.urlFor('bridgework_integration');
  const database = openDatabase({ url, applicationName: 'test registry' });
  // As the owner: what the tests look at, no role of ours may.
  const sql = postgres(clinic.ownerUrl, { max: 2, onnotice: () => undefined });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const keyed = (bytes: Buffer): string => `k1:${bytes.toString('base64')}`;
  const secrets: IntegrationSecrets = {
    environment: 'sandbox',
    registrySigningKey: keyed(privateKey.export({ format: 'der', type: 'pkcs8' })),
    secretsKey: keyed(randomBytes(32)),
    tokenPepper: keyed(randomBytes(32)),
    singleManager,
  };
  const log = createLogger('test registry', { level: 'silent' });
  let clock = () => new Date();
  const now = (): Date => clock();
  const running = await subgraph.start?.({ database, databaseUrl: url, log, now, secrets });
  if (running === undefined) throw new Error('The registry has no process of its own.');
  const contextOf = (caller: Caller): Context => ({ db: database.db, caller, now, log, requestId: newId('req') });

  /** Calls a root field; `answer` is what a client would be given before its selection. */
  const call = (type: 'Query' | 'Mutation') =>
    async function root<Answer>(field: string, args: object, caller: Caller): Promise<Answer> {
      const resolve = (subgraph.resolvers[type] as FieldResolvers)[field];
      if (resolve === undefined) throw new Error(`There is no ${type}.${field}.`);
      return (await resolve(undefined as never, args as never, contextOf(caller), {} as never)) as Answer;
    };
  const control = (path: string, body: unknown, signal = AbortSignal.timeout(30_000)) => {
    const route = running.controlRoutes[path];
    if (route === undefined) throw new Error(`There is no ${path}.`);
    const caller = { kind: 'gateway' as const, gatewayId: 'gw-test' };
    return route({ caller, query: new URLSearchParams(), body: JSON.stringify(body), signal });
  };
  const mutate = call('Mutation');
  const query = call('Query');

  return {
    sql,
    url,
    /** The same database under other roles. */
    clinic,
    secrets,
    publicKey,
    routes: running.controlRoutes,
    contextOf,
    /** Of these the tests of all mutations speak. */
    mutations: subgraph.resolvers.Mutation as FieldResolvers,
    mutate,
    query,
    resolver: (type: string, field: string) => {
      const resolve = (subgraph.resolvers[type] as FieldResolvers | undefined)?.[field];
      if (resolve === undefined) throw new Error(`There is no ${type}.${field}.`);
      return resolve;
    },
    reference: (type: string) => {
      const resolve = (subgraph.resolvers[type] as FieldResolvers | undefined)?.__resolveReference;
      if (resolve === undefined) throw new Error(`${type} has no reference resolver.`);
      return resolve;
    },
    draft: () => registration(`Partner ${randomUUID()}`, ['read:appointments']),
    /** Makes what was asked older than it is, as only the database's superuser can. */
    ageRequests: (integrationId: string, interval: string) =>
      sql.begin(async (tx) => {
        await tx`set local session_replication_role = replica`;
        await tx`update integration.approvals a set requested_at = a.requested_at - ${interval}::interval
          from integration.integrations i where i.key = a.integration_key and i.id = ${integrationId}`;
        await tx`update integration.integrations set submitted_at = submitted_at - ${interval}::interval
          where id = ${integrationId}`;
        await tx`update integration.webhook_endpoints e set url_set_at = e.url_set_at - ${interval}::interval
          from integration.integrations i where i.key = e.integration_key and i.id = ${integrationId}`;
        await tx`update integration.document_sets s set registered_at = s.registered_at - ${interval}::interval
          from integration.integrations i where i.key = s.integration_key and i.id = ${integrationId}`;
      }),
    setClock: (read: () => Date) => {
      clock = read;
    },
    /** An approved integration: registered by Mariam, approved by Omar. */
    async approved(scopes: readonly Scope[], name = `Partner ${randomUUID()}`): Promise<Integration> {
      const { id } = await mutate<Integration>('registerIntegration', registration(name, scopes), mariam);
      await mutate('submitIntegration', { id }, mariam);
      return mutate<Integration>('approveIntegration', { id }, omar);
    },
    control,
    /** Activates a set as a clinic with one gateway does: it is asked for, and the gateway reports that it compiles. */
    async activate(id: string, caller: UserCaller, error: string | null = null): Promise<DocumentSet> {
      const [set] = await Promise.all([
        mutate<DocumentSet>('activateDocumentSet', { id }, caller),
        reportCompiled(sql, id, control, error),
      ]);
      return set;
    },
    async stop() {
      await running.close();
      await database.close();
      await sql.end();
      await clinic.drop();
    },
  };
}

/** What a gateway reports of a set that it was asked to make ready. */
export async function reportCompiled(
  sql: Sql,
  setId: string,
  control: (path: string, body: unknown) => unknown,
  error: string | null = null,
): Promise<void> {
  await eventually(
    async () =>
      (await sql`select 1 from integration.document_sets where id = ${setId} and activation_requested_at is not null`)
        .length > 0,
    { what: `${setId} is to be activated` },
  );
  const compiled = await sql`
    select d.hash as document_id, i.id as integration_id, ${error === null}::boolean as ok, ${error}::text as error
    from integration.documents d
    join integration.document_sets s on s.key = d.document_set_key
    join integration.integrations i on i.key = d.integration_key
    where s.id = ${setId}`;
  await control('POST /control/report', {
    batch_id: newId('req'),
    gateway_id: 'gw-test',
    refusals: [],
    uses: [],
    compiled: compiled.map((row) => ({ ...row })),
  });
}

export const registration = (name: string, requestedScopes: readonly Scope[], change: object = {}) => ({
  input: {
    name,
    purpose: 'Shows the day to the front desk.',
    businessJustification: 'The front desk plans the day with it.',
    dataScope: 'Appointments of today and tomorrow.',
    riskAssessment: 'Low: reads masked data.',
    internalOwner: 'Mariam Haddad',
    reviewIntervalMonths: 6,
    requestedScopes,
    ...change,
  },
  idempotencyKey: randomUUID(),
});

/** Snapshots as a gateway reads them from the stream: signed by the registry, parsed by the contract. */
export async function* readSnapshots(registry: Registry, signal: AbortSignal): AsyncGenerator<ControlSnapshot> {
  const lines = registry.control('GET /control/stream', null, signal) as AsyncIterable<unknown>;
  for await (const line of lines) {
    const parsed = ControlLine.parse(line);
    if ('payload' in parsed) yield readSigned(parsed, registry.publicKey);
  }
}

function readSigned(line: { payload: string; signature: string }, publicKey: KeyObject): ControlSnapshot {
  if (!verify(null, Buffer.from(line.payload), publicKey, Buffer.from(line.signature, 'base64url'))) {
    throw new Error('The snapshot is not signed by the registry.');
  }
  return ControlSnapshot.parse(JSON.parse(line.payload));
}

/** The first snapshot of which this holds; fails when none comes in time. */
export async function snapshotWhere(
  registry: Registry,
  holds: (snapshot: ControlSnapshot) => boolean,
  withinMs = 5_000,
): Promise<ControlSnapshot> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), withinMs);
  try {
    for await (const snapshot of readSnapshots(registry, stop.signal)) if (holds(snapshot)) return snapshot;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  throw new Error(`No such snapshot came within ${withinMs} ms.`);
}

export const partner = (integrationId: Id<'int'>, tokenId: Id<'tok'>, scopes: readonly Scope[]): Caller => ({
  kind: 'integration',
  integrationId,
  tokenId,
  scopes,
  environment: 'sandbox',
});
