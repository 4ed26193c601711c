import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGateway, type Gateway } from '@bridgework/gateway';
import type { GatewayConfig } from '@bridgework/kernel/config';
import { newId } from '@bridgework/kernel/ids';
import { generateIntegrationToken, hashIntegrationToken, readTokenPeppers } from '@bridgework/kernel/integration-token';
import { createLogger } from '@bridgework/kernel/logger';
import { createMetrics, type Metrics } from '@bridgework/kernel/metrics';
import { readPublicKeys } from '@bridgework/kernel/signed-caller';
import {
  type ControlSnapshot,
  type Environment,
  type Scope,
  type StaffRole,
  SUBGRAPH_NAMES,
  type SubgraphName,
} from '@bridgework/schema';
import { exportJWK, SignJWT } from 'jose';
import { appointmentResolvers, billingResolvers, integrationResolvers, inventoryResolvers } from './clinic-data.ts';
import { createRegistry, type FakeRegistry } from './registry-server.ts';
import { type SubgraphServer, startSubgraph } from './subgraph-server.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Status and code of a refused GraphQL request. */
export async function codeOf(answer: Response): Promise<[number, string | undefined]> {
  const { errors } = (await answer.json()) as { errors?: { extensions?: { code?: string } }[] };
  return [answer.status, errors?.[0]?.extensions?.code];
}

export interface Partner {
  readonly integrationId: string;
  readonly token: string;
  readonly tokenEntry: ControlSnapshot['tokens'][number];
  readonly integration: ControlSnapshot['integrations'][number];
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly config: GatewayConfig;
  readonly origin: string;
  readonly registry: FakeRegistry;
  readonly subgraphs: Readonly<Record<SubgraphName, SubgraphServer>>;
  readonly confirmed: { count: number };
  /** Adds a partner to the registry; `publish` makes it known. */
  addPartner(scopes: readonly Scope[], token?: Partial<Partner['tokenEntry']>): Partner;
  /** Registers a document for a partner; answers its id. */
  addDocument(partner: Partner, text: string, entry?: Partial<ControlSnapshot['documents'][number]>): string;
  /** Publishes and waits until the gateway judges by it. */
  settle(): Promise<void>;
  managerToken(role?: StaffRole | string, claims?: Record<string, unknown>): Promise<string>;
  /** Any sign-in, signed with the issuer's key. */
  signIn(build: (jwt: SignJWT) => SignJWT): Promise<string>;
  post(body: unknown, token?: string, headers?: Record<string, string>): Promise<Response>;
  get(path: string, token?: string, headers?: Record<string, string>): Promise<Response>;
  /** Requests that reached any subgraph's /graphql. */
  subgraphCalls(): number;
  /** The value of a metric without labels of its own. */
  shows(metric: string): Promise<number>;
  /** Documents that the gateway has let through to be executed. */
  executions(): Promise<number>;
  restart(config?: Partial<GatewayConfig>): Promise<Gateway>;
  stopSubgraph(name: SubgraphName): Promise<void>;
  startSubgraph(name: SubgraphName): Promise<void>;
  close(): Promise<void>;
}

/** A gateway in front of four small real subgraphs and a registry that signs what the test tells it. */
export async function startGateway(
  options: {
    readonly environment?: Environment;
    readonly config?: Partial<GatewayConfig>;
    readonly metrics?: Metrics;
  } = {},
): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'bwgw-'));
  const callers = keyPair('gateway');
  const snapshots = keyPair('registry');
  const issuer = generateKeyPairSync('ed25519');
  const pepper = `p1:${randomBytes(32).toString('base64')}`;
  const confirmed = { count: 0 };
  const environment = options.environment ?? 'sandbox';
  const registry = createRegistry(snapshots.privateKey, readPublicKeys(callers.publicSetting), environment);
  const socketOf = (name: SubgraphName) => join(folder, `${name}.sock`);
  const open = (name: SubgraphName) =>
    startSubgraph({
      name,
      path: socketOf(name),
      publicKeys: readPublicKeys(callers.publicSetting),
      resolvers: {
        appointment: appointmentResolvers,
        billing: billingResolvers(confirmed),
        inventory: inventoryResolvers,
        integration: integrationResolvers,
      }[name],
      ...(name === 'integration' ? { control: registry.control } : {}),
    });
  const subgraphs = Object.fromEntries(
    await Promise.all(SUBGRAPH_NAMES.map(async (name) => [name, await open(name)])),
  ) as Record<SubgraphName, SubgraphServer>;
  const address = (name: SubgraphName) => ({ kind: 'socket', path: socketOf(name) }) as const;
  const config: GatewayConfig = {
    CLINIC_ENV: environment,
    LOG_LEVEL: 'silent',
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: undefined,
    APPOINTMENT_URL: address('appointment'),
    BILLING_URL: address('billing'),
    INVENTORY_URL: address('inventory'),
    INTEGRATION_URL: address('integration'),
    HOST: '127.0.0.1',
    PORT: 0,
    PUBLIC_URL: undefined,
    TRUSTED_PROXIES: [],
    DATA_DIR: folder,
    CALLER_SIGNING_KEY: callers.privateSetting,
    REGISTRY_PUBLIC_KEY: snapshots.publicSetting,
    TOKEN_PEPPER: pepper,
    CURSOR_KEY: `c1:${randomBytes(32).toString('base64')}`,
    OIDC_ISSUER: 'https://issuer.example',
    OIDC_AUDIENCE: 'bridgework',
    OIDC_JWKS: JSON.stringify({
      keys: [{ ...(await exportJWK(issuer.publicKey)), kid: 'dev', alg: 'EdDSA', use: 'sig' }],
    }),
    ROLE_CLAIM: 'role',
    REDIS_URL: undefined,
    TOKEN_REQUESTS_PER_MINUTE: 100_000,
    INTEGRATION_REQUESTS_PER_MINUTE: 100_000,
    TOKEN_COST_PER_MINUTE: 10_000_000,
    ACCEPT_BROKEN_DOCUMENTS: false,
    ...options.config,
  };
  let metrics = createMetrics('gateway');
  const build = async (changes: Partial<GatewayConfig> = {}) => {
    metrics = options.metrics ?? createMetrics('gateway');
    const built = await buildGateway(
      { ...config, ...changes },
      {
        log: createLogger('gateway', { level: 'silent' }),
        now: () => new Date(),
        metrics,
      },
    );
    return { built, origin: await built.listen() };
  };
  let { built: gateway, origin } = await build();
  const peppers = readTokenPeppers(config.TOKEN_PEPPER);

  const self: TestGateway = {
    get gateway() {
      return gateway;
    },
    config,
    get origin() {
      return origin;
    },
    registry,
    subgraphs,
    confirmed,
    addPartner(scopes, entry = {}) {
      const token = generateIntegrationToken(environment);
      const hash = hashIntegrationToken(token.text, peppers);
      const integration: Partner['integration'] = {
        id: newId('int'),
        name: 'A partner',
        status: 'ACTIVE',
        review_due_on: null,
        review_overdue: false,
        ad_hoc: false,
      };
      const tokenEntry: Partner['tokenEntry'] = {
        id: newId('tok'),
        integration_id: integration.id,
        name: 'a token',
        public_id: token.publicId,
        secret_hash: hash.secretHash,
        pepper_id: hash.pepperId,
        scopes: [...scopes],
        status: 'ACTIVE',
        expires_at: null,
        allowed_cidrs: [],
        ...entry,
      };
      registry.state.integrations.push(integration);
      registry.state.tokens.push(tokenEntry);
      return { integrationId: integration.id, token: token.text, tokenEntry, integration };
    },
    addDocument(partner, text, entry = {}) {
      const id = `sha256:${sha256(text)}`;
      registry.texts.set(id, text);
      const { integrationId: integration_id } = partner;
      registry.state.documents.push({ id, integration_id, name: 'Document', aliases: [], status: 'ACTIVE', ...entry });
      return id;
    },
    async settle() {
      registry.publish();
      const { generation } = registry;
      for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
        const ready = (await (await fetch(`${origin}/readyz`)).json()) as { generation: number; completing: boolean };
        if (ready.generation === generation && !ready.completing) return;
      }
      throw new Error('The gateway did not take the generation in time.');
    },
    async managerToken(role = 'MANAGER', claims = {}) {
      return new SignJWT({ role, name: 'Huda', ...claims })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'dev' })
        .setIssuer(config.OIDC_ISSUER)
        .setAudience(config.OIDC_AUDIENCE)
        .setSubject('huda')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(issuer.privateKey);
    },
    signIn: (build) =>
      build(new SignJWT({ role: 'MANAGER' }))
        .setProtectedHeader({ alg: 'EdDSA', kid: 'dev' })
        .sign(issuer.privateKey),
    post: (body, token, headers = {}) =>
      fetch(`${origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(token), ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, token, headers = {}) => fetch(`${origin}${path}`, { headers: { ...bearer(token), ...headers } }),
    async shows(metric) {
      const { text } = await metrics.render();
      return Number(new RegExp(`^${metric}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
    },
    async executions() {
      const { text } = await metrics.render();
      const values = [...text.matchAll(/^bridgework_executions_total\{[^}]*\} (\d+)$/gm)];
      return values.reduce((total, [, value]) => total + Number(value), 0);
    },
    subgraphCalls: () => Object.values(subgraphs).reduce((total, { calls }) => total + calls.length, 0),
    async restart(changes = {}) {
      await gateway.close();
      ({ built: gateway, origin } = await build(changes));
      return gateway;
    },
    stopSubgraph: (name) => subgraphs[name].close(),
    async startSubgraph(name) {
      subgraphs[name] = await open(name);
    },
    async close() {
      await gateway.close();
      await Promise.all(Object.values(subgraphs).map((subgraph) => subgraph.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  registry.publish();
  await gateway.ready();
  return self;
}

const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

function keyPair(keyId: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    privateKey,
    privateSetting: `${keyId}:${privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')}`,
    publicSetting: `${keyId}:${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  };
}
