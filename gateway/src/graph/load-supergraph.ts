import { Supergraph as FederatedSchema, operationFromDocument } from '@apollo/federation-internals';
import { ApolloGateway, type GatewayConfig } from '@apollo/gateway';
import { type QueryPlan, QueryPlanner } from '@apollo/query-planner';
import { DomainError } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { type DocumentNode, type ExecutionResult, type GraphQLSchema, parse } from 'graphql';
import { bodyOf, type CompiledDocument, compileDocument, type Outcome } from './compile-document.ts';
import type { ExecutableDocument, RequestScope } from './execute.ts';
import { NotCompilable } from './plan/compile-plan.ts';
import type { CallSubgraph } from './plan/plan-run.ts';
import { createPlanStore, type PlanStore } from './plan-store.ts';
import { forPlanner } from './planner-sdl.ts';
import { readRequiredArguments, separateRequired } from './required-arguments.ts';
import { operationOf } from './shape/collect.ts';
import { type ExecutionContext, toDataSource } from './subgraph-source.ts';

type Executor = ApolloGateway['executor'];
type RequestContext = Parameters<Executor>[0];

/** By which way a document was answered; `reference` is the executor of `@apollo/gateway`. */
export type ExecutionPath = 'compiled' | 'completed' | 'reference';

/** A validated document of one operation, and the id under which what was made of it is kept. */
export type PlannedDocument = Pick<ExecutableDocument, 'id' | 'document'>;

/** The composed graph: what a document is validated against, planned by and executed on. */
export interface Supergraph {
  /** What callers see; carries no directives. */
  readonly schema: GraphQLSchema;
  /** Plans and compiles a valid document and keeps it until {@link Supergraph.forgetPlan}. Throws when it cannot be planned. */
  plan(id: string, document: DocumentNode): void;
  forgetPlan(id: string): void;
  /** Executes what was compiled, or compiles now. Errors are raw. */
  run(document: PlannedDocument, variables: Readonly<Record<string, unknown>>, scope: RequestScope): Promise<Outcome>;
  /** The reference executor, whatever was compiled. Errors are raw. */
  runReference(
    document: PlannedDocument,
    variables: Readonly<Record<string, unknown>>,
    scope: RequestScope,
  ): Promise<Outcome>;
  stop(): Promise<void>;
}

export interface SupergraphOptions {
  readonly sdl: string;
  readonly callOf: (subgraph: string) => CallSubgraph;
  readonly log: Logger;
  readonly count?: (path: ExecutionPath) => void;
}

/** A planned document: compiled, or for the reference executor. */
interface Prepared {
  readonly plan: QueryPlan;
  readonly compiled: CompiledDocument | undefined;
}

export async function loadSupergraph(options: SupergraphOptions): Promise<Supergraph> {
  const { sdl, log, callOf, count = () => undefined } = options;
  // 2.14 sends telemetry to its maker unless told not to; it looks when an ApolloGateway is made.
  process.env.APOLLO_TELEMETRY_DISABLED = '1';
  const document = parse(sdl, { noLocation: true });
  const federated = FederatedSchema.build(forPlanner(document), { validateSupergraph: true });
  const planner = new QueryPlanner(federated);
  const apiSchema = federated.apiSchema();
  const store = createPlanStore<Prepared>();
  const gateway = createReference(options, store);
  const { schema, executor } = await gateway.load();
  const required = readRequiredArguments(document);
  const parts = { schema, supergraph: federated.schema.toGraphQLJSSchema(), callOf };

  const prepare = (document: DocumentNode): Prepared => {
    const { documents, ...keys } = separateRequired(required, schema, document);
    if (documents.length > 1 && operationOf(document).operation === 'mutation') throw requiresTwice();
    const plans = documents.map((one) => planner.buildQueryPlan(operationFromDocument(apiSchema, one)));
    const [plan = NO_PLAN] = plans;
    try {
      return { plan, compiled: compileDocument(parts, document, { plans, ...keys }, () => count('completed')) };
    } catch (error) {
      if (error instanceof NotCompilable) return { plan, compiled: undefined };
      throw error;
    }
  };
  const prepared = ({ id, document }: PlannedDocument): Prepared => {
    const known = store.peek(id) ?? prepare(document);
    store.pass(id, known);
    return known;
  };
  const runReference: Supergraph['runReference'] = async (document, variables, scope) => {
    prepared(document);
    return outcomeOf(await executor(requestContext(document, variables, { scope }, { schema, log })));
  };
  return {
    schema,
    plan: (id, document) => store.keep(id, prepare(document)),
    forgetPlan: store.forget,
    run(document, variables, scope) {
      const { compiled } = prepared(document);
      count(compiled === undefined ? 'reference' : 'compiled');
      return compiled === undefined ? runReference(document, variables, scope) : compiled.run(variables, scope);
    },
    runReference,
    stop: () => gateway.stop(),
  };
}

const NO_PLAN: QueryPlan = { kind: 'QueryPlan' };

/** Two plans for one mutation would run it twice. */
const requiresTwice = (): DomainError =>
  new DomainError('GRAPHQL_VALIDATION_FAILED', {
    detail: 'Fields of the mutation require the same field with different arguments; ask for them in another document.',
  });

/** `@apollo/gateway` with our calls and our plans. */
function createReference({ sdl, callOf, log }: SupergraphOptions, store: PlanStore<Prepared>): ApolloGateway {
  return new ApolloGateway({
    supergraphSdl: sdl,
    // Our context is what every request of ours carries; Apollo's types know only its own.
    buildService: ({ name }) => toDataSource(callOf(name)) as ReturnType<NonNullable<GatewayConfig['buildService']>>,
    queryPlannerConfig: {
      cache: {
        get: async (key) => store.peek(key)?.plan,
        set: async () => undefined,
        delete: async () => false,
        clear: () => undefined,
      },
    },
    logger: quiet(log),
    __exposeQueryPlanExperimental: false,
  });
}

/** What `@apollo/gateway` only mentions in `extensions.valueCompletion` is an error like any other. */
function outcomeOf({ data, errors = [], extensions }: ExecutionResult): Outcome {
  const holes = Array.isArray(extensions?.valueCompletion) ? (extensions.valueCompletion as unknown[]) : [];
  const all = [...errors, ...holes];
  return all.length === 0 ? { body: bodyOf(JSON.stringify(data)) } : { data: data ?? null, errors: all };
}

/** `queryHash` is the key of the plan, as long as no operation name is given. */
function requestContext(
  { id, document }: PlannedDocument,
  variables: Readonly<Record<string, unknown>>,
  context: ExecutionContext,
  { schema, log }: { schema: GraphQLSchema; log: Logger },
): RequestContext {
  return {
    request: { variables: { ...variables } },
    document,
    source: '',
    queryHash: id,
    operationName: null,
    operation: operationOf(document),
    schema,
    // A brand of Apollo's that its executor does not read.
    schemaHash: '' as RequestContext['schemaHash'],
    context,
    cache: { get: async () => undefined, set: async () => undefined, delete: async () => false },
    logger: quiet(log),
    metrics: {},
    overallCachePolicy: undefined,
  };
}

/** Apollo's own chatter is for debugging; its warnings and errors are ours too. */
const quiet = (log: Logger) => ({
  debug: () => undefined,
  info: (message?: unknown) => log.debug({ message }, 'apollo.said'),
  warn: (message?: unknown) => log.warn({ message: String(message) }, 'apollo.warned'),
  error: (message?: unknown) => log.error({ message: String(message) }, 'apollo.failed'),
});
