import { Supergraph as FederatedSchema, operationFromDocument } from '@apollo/federation-internals';
import { ApolloGateway, type GatewayConfig } from '@apollo/gateway';
import { type QueryPlan, QueryPlanner } from '@apollo/query-planner';
import type { Logger } from '@bridgework/kernel/logger';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import type { ExecutableDocument, RequestScope } from './execute.ts';
import { createPlanStore } from './plan-store.ts';
import { teachScalars } from './scalars.ts';
import type { createSubgraphSource, ExecutionContext } from './subgraph-source.ts';

type Source = ReturnType<typeof createSubgraphSource>;
type Executor = ApolloGateway['executor'];
type RequestContext = Parameters<Executor>[0];
export type RawResult = ExecutionResult<Record<string, unknown>, Record<string, unknown>>;

/** The composed graph: what a document is validated against, planned by and executed on. */
export interface Supergraph {
  /** What callers see; carries no directives. */
  readonly schema: GraphQLSchema;
  /** Plans a valid document and keeps the plan until {@link Supergraph.forgetPlan}. Throws when it cannot be planned. */
  plan(id: string, document: DocumentNode): void;
  forgetPlan(id: string): void;
  /** Executes by the kept plan, or plans now. Errors are raw. */
  run(
    document: ExecutableDocument,
    variables: Readonly<Record<string, unknown>>,
    scope: RequestScope,
  ): Promise<RawResult>;
  /** The executor itself, for Apollo Server's pipeline. */
  readonly executor: Executor;
  stop(): Promise<void>;
}

export interface SupergraphOptions {
  readonly sdl: string;
  readonly sourceOf: (name: SubgraphName) => Source;
  readonly log: Logger;
}

export async function loadSupergraph({ sdl, sourceOf, log }: SupergraphOptions): Promise<Supergraph> {
  // 2.14 sends telemetry to its maker unless told not to; it looks when an ApolloGateway is made.
  process.env.APOLLO_TELEMETRY_DISABLED = '1';
  const plans = createPlanStore<QueryPlan>();
  const federated = FederatedSchema.build(sdl, { validateSupergraph: true });
  const planner = new QueryPlanner(federated);
  const apiSchema = federated.apiSchema();
  const gateway = new ApolloGateway({
    supergraphSdl: sdl,
    // Our context is what every request of ours carries; Apollo's types know only its own.
    buildService: ({ name }) => sourceOf(subgraphNamed(name)) as ReturnType<NonNullable<GatewayConfig['buildService']>>,
    queryPlannerConfig: { cache: plans },
    logger: quiet(log),
    __exposeQueryPlanExperimental: false,
  });
  const { schema, executor } = await gateway.load();
  teachScalars(schema);
  return {
    schema,
    executor,
    plan: (id, document) => plans.keep(id, planner.buildQueryPlan(operationFromDocument(apiSchema, document))),
    forgetPlan: plans.forget,
    run: (document, variables, scope) => executor(requestContext(document, variables, { scope }, { schema, log })),
    stop: () => gateway.stop(),
  };
}

/** `queryHash` is the key of the plan, as long as no operation name is given. */
function requestContext(
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  context: ExecutionContext,
  { schema, log }: { schema: GraphQLSchema; log: Logger },
): RequestContext {
  return {
    request: { query: document.text, variables: { ...variables } },
    document: document.document,
    source: document.text,
    queryHash: document.id,
    operationName: document.operationName,
    operation: operationOf(document.document),
    schema,
    // A brand of Apollo's that its executor does not read.
    schemaHash: '' as RequestContext['schemaHash'],
    context,
    cache: createPlanStore<string>(),
    logger: quiet(log),
    metrics: {},
    overallCachePolicy: undefined,
  };
}

function operationOf(document: DocumentNode): OperationDefinitionNode {
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('The document has no operation.');
  return operation;
}

function subgraphNamed(name: string): SubgraphName {
  const known = SUBGRAPH_NAMES.find((one) => one === name);
  if (known === undefined) throw new Error(`The supergraph names a subgraph that this gateway does not know: ${name}.`);
  return known;
}

/** Apollo's own chatter is for debugging; its warnings and errors are ours too. */
const quiet = (log: Logger) => ({
  debug: () => undefined,
  info: (message?: unknown) => log.debug({ message }, 'apollo.said'),
  warn: (message?: unknown) => log.warn({ message: String(message) }, 'apollo.warned'),
  error: (message?: unknown) => log.error({ message: String(message) }, 'apollo.failed'),
});
