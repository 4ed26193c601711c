import { randomBytes } from 'node:crypto';
import { addressSetting, type GatewayConfig } from '@bridgework/kernel/config';
import { readContract } from '@bridgework/kernel/contract-files';
import { hearNews } from '@bridgework/kernel/control-news';
import { readTokenPeppers } from '@bridgework/kernel/integration-token';
import type { Logger } from '@bridgework/kernel/logger';
import { createMetrics, type Metrics } from '@bridgework/kernel/metrics';
import { readPublicKeys, readSigningKey } from '@bridgework/kernel/signed-caller';
import {
  parseRequirements,
  type RequirementMap,
  readGraph,
  SUBGRAPH_NAMES,
  type SubgraphName,
} from '@bridgework/schema';
import type { FastifyInstance } from 'fastify';
import { parse } from 'graphql';
import { createAdmitRequest } from './admit-request.ts';
import { buildApp } from './app.ts';
import { createAuthenticate } from './authenticate.ts';
import { registerCallbacks } from './callbacks/routes.ts';
import { lastGoodFile } from './control/last-good.ts';
import { followRegistry, type RegistryOptions } from './control/registry.ts';
import { createRegistryClient } from './control/registry-client.ts';
import { requireFit } from './control/require-fit.ts';
import { openSpool, type ReportSpool } from './control/spool.ts';
import { spoolFiles } from './control/spool-files.ts';
import { createPrepareDocument, type Graph } from './documents/prepare-document.ts';
import { registerDocumentRoutes } from './documents/routes.ts';
import { startAdHoc } from './documents/run-ad-hoc.ts';
import { createRunDocument } from './documents/run-document.ts';
import { readAuditedFields } from './graph/audited-fields.ts';
import { createExecute } from './graph/execute-document.ts';
import { loadSupergraph } from './graph/load-supergraph.ts';
import { teachScalars } from './graph/scalars.ts';
import { createCallSigner } from './graph/sign-calls.ts';
import { shareFlights } from './graph/single-flight.ts';
import { connectSubgraph, connectSubgraphs } from './graph/subgraph-pools.ts';
import { createSubgraphCall } from './graph/subgraph-source.ts';
import { registerGraphiql } from './graphiql/register-graphiql.ts';
import { createGatewayMetrics, type GatewayMetrics } from './metrics.ts';
import { createAuthorizeOperation, createCallOperation, readProductOperations } from './operations.ts';
import { createQuota, type QuotaLimits } from './quota/quota.ts';
import { openSharedStore, type SharedStore } from './quota/shared-store.ts';
import { registerRest } from './rest/register-routes.ts';
import type { GatewayServices } from './services.ts';
import { createVerifyManager } from './verify-manager.ts';

export interface GatewayDeps {
  readonly log: Logger;
  readonly now: () => Date;
  /** Default: counted, and shown to nobody. */
  readonly metrics?: Metrics;
  /** Default: the committed `schema/supergraph.graphql`. */
  readonly supergraphSdl?: string;
  /** Default: the committed `schema/generated/requirements.json`. */
  readonly requirements?: RequirementMap;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /**
   * Resolves when there is a first generation to judge requests by; until then they are answered 503. Throws a
   * BrokenDocumentsError when this build's graph breaks documents that partners use, unless ACCEPT_BROKEN_DOCUMENTS.
   */
  ready(): Promise<void>;
  /** Listens on HOST and PORT; answers the origin, with the port that was taken. */
  listen(): Promise<string>;
  /** Finishes requests under way, reports what it has seen, lets go of every connection. */
  close(): Promise<void>;
}

/** Builds the gateway and begins to follow the registry; does not listen. */
export async function buildGateway(config: GatewayConfig, deps: GatewayDeps): Promise<Gateway> {
  const { log, now } = deps;
  const metrics = createGatewayMetrics(deps.metrics ?? createMetrics('gateway'));
  const gatewayId = `gw_${randomBytes(8).toString('hex')}`;
  const { graph, supergraph, cost, connections, judged } = await loadGraph(config, deps, metrics);
  const prepareDocument = createPrepareDocument(graph, supergraph);
  const operations = readProductOperations(prepareDocument);
  const { registry, client, spool, release } = followControl(config, deps, {
    gatewayId,
    prepareDocument,
    forgetPlan: supergraph.forgetPlan,
    metrics,
  });
  metrics.watchRegistry(registry, now);
  const acceptBroken = config.ACCEPT_BROKEN_DOCUMENTS;
  const ready = registry.ready().then(() => requireFit({ registry, client, graph: judged, acceptBroken, log }));
  // Whoever waits for it is told; nobody may be waiting yet.
  ready.catch(() => undefined);
  const store = openStore(config, deps, gatewayId);
  if (store !== undefined) metrics.watchStore(store);
  const quota = createQuota({ limits: quotaLimits(config), store, metrics });
  const rules = { schema: supergraph.schema, cost, mayWrite: () => registry.state() === 'live' };
  const execute = createExecute(shareFlights(supergraph.run), log);
  const run = createRunDocument({ rules, execute, quota, spool, metrics });
  const environment = config.CLINIC_ENV;
  const adHoc = await startAdHoc({ supergraph, graph, rules, quota, environment, spool, metrics, log });

  const app = buildApp(config, registry, { log, metrics });
  const admit = createAdmitRequest(app, registry, authenticateBy(config, spool, now), quota);
  const services: GatewayServices = {
    config,
    now,
    log,
    authenticate: async (request, recognised) => (await admit(request, recognised)).scope,
    authorizeOperation: createAuthorizeOperation(operations, spool),
    callOperation: createCallOperation(operations, run),
    reportRefusal: spool.refused,
    noteRequest: spool.requested,
    noteUse: spool.used,
  };
  registerGraphiql(app, config, log);
  registerDocumentRoutes(app, { admit, run, adHoc, spool, log });
  registerCallbacks(app, {
    client,
    publicUrl: config.PUBLIC_URL,
    reportFailure: (err, requestId) => log.error({ err, requestId }, 'request.failed'),
  });
  await registerRest(app, services);
  return {
    app,
    ready: () => ready,
    listen: () => app.listen({ host: config.HOST, port: config.PORT }),
    async close() {
      await app.close();
      await adHoc.stop();
      await release();
      await store?.close();
      await supergraph.stop();
      await Promise.all(Object.values(connections).map((connection) => connection.close()));
    },
  };
}

/** The graph, its rules and the ways to its subgraphs. */
async function loadGraph(config: GatewayConfig, deps: GatewayDeps, metrics: GatewayMetrics) {
  const { log, now } = deps;
  const sdl = deps.supergraphSdl ?? readContract('supergraph.graphql');
  const requirements: RequirementMap =
    deps.requirements ?? parseRequirements(readContract('generated/requirements.json'));
  const connections = metrics.timed(connectSubgraphs((name) => config[addressSetting(name)]));
  const sign = createCallSigner(readSigningKey(config.CALLER_SIGNING_KEY), now);
  const supergraph = await loadSupergraph({
    sdl,
    callOf: (subgraph) => {
      const name = subgraphNamed(subgraph);
      return createSubgraphCall({ name, connection: connections[name], sign, log });
    },
    log,
    count: metrics.took,
  });
  teachScalars(supergraph.schema);
  const document = parse(sdl);
  const graph: Graph = { schema: supergraph.schema, requirements, audited: readAuditedFields(document) };
  const judged = readGraph(sdl, requirements);
  return { graph, supergraph, cost: judged.costModel, connections, judged };
}

function subgraphNamed(name: string): SubgraphName {
  const known = SUBGRAPH_NAMES.find((one) => one === name);
  if (known === undefined) throw new Error(`The supergraph names a subgraph that this gateway does not know: ${name}.`);
  return known;
}

/** Both directions between this gateway and the registry, over a connection of their own. */
function followControl(
  config: GatewayConfig,
  { log, now }: GatewayDeps,
  {
    metrics,
    gatewayId,
    ...documents
  }: Pick<RegistryOptions, 'prepareDocument' | 'forgetPlan'> & {
    readonly metrics: GatewayMetrics;
    readonly gatewayId: string;
  },
) {
  const connection = connectSubgraph(config.INTEGRATION_URL);
  const signingKey = readSigningKey(config.CALLER_SIGNING_KEY);
  const client = createRegistryClient({ connection, signingKey, gatewayId, now });
  const spool = openSpool({ client, files: spoolFiles(config.DATA_DIR), gatewayId, now, log, metrics });
  const registry = followRegistry({
    client,
    lastGood: lastGoodFile(config.DATA_DIR),
    publicKeys: readPublicKeys(config.REGISTRY_PUBLIC_KEY),
    environment: config.CLINIC_ENV,
    ...documents,
    ...newsFrom(config, log),
    spool,
    now,
    log,
  });
  const release = async () => {
    await registry.close();
    await spool.close();
    await connection.close();
  };
  return { registry, client, spool, release };
}

const newsFrom = ({ REDIS_URL: redisUrl, CLINIC_ENV: environment }: GatewayConfig, log: Logger) =>
  redisUrl === undefined
    ? {}
    : {
        hearNews: (onNews: (generation: number | undefined) => void) =>
          hearNews({ redisUrl, environment, log }, onNews),
      };

const openStore = (config: GatewayConfig, { log, now }: GatewayDeps, gatewayId: string): SharedStore | undefined =>
  config.REDIS_URL === undefined
    ? undefined
    : openSharedStore({ url: config.REDIS_URL, environment: config.CLINIC_ENV, gatewayId, now, log });

const quotaLimits = (config: GatewayConfig): QuotaLimits => ({
  requestsPerToken: config.TOKEN_REQUESTS_PER_MINUTE,
  requestsPerIntegration: config.INTEGRATION_REQUESTS_PER_MINUTE,
  costPerToken: config.TOKEN_COST_PER_MINUTE,
});

const authenticateBy = (config: GatewayConfig, spool: ReportSpool, now: () => Date) =>
  createAuthenticate({
    environment: config.CLINIC_ENV,
    peppers: readTokenPeppers(config.TOKEN_PEPPER),
    verifyManager: createVerifyManager(config, now),
    spool,
    now,
  });
