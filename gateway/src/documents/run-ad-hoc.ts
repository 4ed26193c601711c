import { ApolloServer, HeaderMap } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { DomainError, isErrorCode } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { AD_HOC_LIMITS, DOCUMENT_LIMITS, type Environment } from '@bridgework/schema';
import type { GraphQLFormattedError } from 'graphql';
import type { ReportSpool } from '../control/spool.ts';
import type { ExecutableDocument, RequestScope } from '../graph/execute.ts';
import type { Supergraph } from '../graph/load-supergraph.ts';
import { reportErrors } from '../graph/report-errors.ts';
import type { ExecutionContext } from '../graph/subgraph-source.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Quota } from '../quota/quota.ts';
import { requireSizeOf } from './body-limits.ts';
import { type JudgeRules, judgeDocument } from './judge-document.ts';
import { withOneOperation } from './pick-operation.ts';
import { type Graph, readDocument } from './prepare-document.ts';
import type { GraphRequest } from './read-request.ts';
import { rootFieldsOf } from './root-fields.ts';
import { auditing, type CalledAs, REFUSED_READS, REFUSED_WRITES } from './run-document.ts';

export interface TextRequest extends GraphRequest {
  readonly text: string;
  readonly method: string;
  readonly accept: string;
  /** Of the body. */
  readonly bytes: number;
}

export interface AdHocAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Runs query text: managers, and in the sandbox partners whose integration may. Goes through Apollo Server's pipeline. */
export interface AdHoc {
  /** Throws GRAPHQL_VALIDATION_FAILED, LIMIT_EXCEEDED, METHOD_NOT_ALLOWED or what {@link judgeDocument} throws. */
  run(request: TextRequest, scope: RequestScope): Promise<AdHocAnswer>;
  stop(): Promise<void>;
}

export interface AdHocOptions {
  readonly supergraph: Supergraph;
  readonly graph: Graph;
  readonly rules: JudgeRules;
  readonly quota: Pick<Quota, 'charge'>;
  readonly environment: Environment;
  readonly spool: Pick<ReportSpool, 'refused'>;
  readonly metrics: Pick<GatewayMetrics, 'executed'>;
  readonly log: Logger;
}

export async function startAdHoc(options: AdHocOptions): Promise<AdHoc> {
  const server = createApolloServer(options);
  await server.start();
  return {
    async run(request, scope) {
      const { text, operationName, variables, accept } = request;
      const cost = judge(options, request, scope);
      await options.quota.charge(scope.caller, cost);
      options.metrics.executed('text');
      const answer = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest: {
          method: 'POST',
          headers: new HeaderMap([
            ['content-type', 'application/json'],
            ['accept', accept],
          ]),
          search: '',
          body: { query: text, variables, ...(operationName === undefined ? {} : { operationName }) },
        },
        context: async () => ({ scope }),
      });
      if (answer.body.kind !== 'complete') throw new DomainError('INTERNAL');
      const contentType = answer.headers.get('content-type') ?? 'application/json; charset=utf-8';
      return { status: answer.status ?? 200, contentType, body: answer.body.string };
    },
    stop: () => server.stop(),
  };
}

function judge(
  { graph, rules, environment, spool }: AdHocOptions,
  { text, operationName, variables, method, bytes }: TextRequest,
  scope: RequestScope,
): number {
  const limits = scope.caller.kind === 'integration' ? AD_HOC_LIMITS : DOCUMENT_LIMITS;
  const document = readDocument(graph, text, limits, operationName);
  requireSizeOf(document, bytes);
  if (document.operation === 'mutation' && method !== 'POST') throw new DomainError('METHOD_NOT_ALLOWED');
  if (document.requirement.introspects && environment === 'production') {
    throw new DomainError('FORBIDDEN', { detail: 'The graph does not describe itself in production.' });
  }
  const refusals = document.operation === 'mutation' ? REFUSED_WRITES : REFUSED_READS;
  return auditing(spool, scope, calledAs(document, operationName), refusals, () =>
    judgeDocument(rules, document, variables, scope.caller, limits),
  );
}

/** A text that nobody registered has no name; of one that would change something the log says what. */
function calledAs(document: ExecutableDocument, operationName: string | undefined): CalledAs {
  if (document.operation !== 'mutation') return { entity: 'document', entityId: document.id };
  const fields = rootFieldsOf(document.document, operationName ?? document.operationName);
  return { entity: 'mutation', entityId: fields.join(' ').slice(0, 256) };
}

type Gateway = NonNullable<ConstructorParameters<typeof ApolloServer<ExecutionContext>>[0]['gateway']>;

function createApolloServer({ supergraph, environment, log }: AdHocOptions): ApolloServer<ExecutionContext> {
  return new ApolloServer<ExecutionContext>({
    gateway: withReportedErrors(supergraph, log),
    introspection: environment === 'sandbox',
    // Identity is a bearer token and never a cookie, so a foreign page has nothing to ride on.
    csrfPrevention: false,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: environment === 'production',
    stopOnTerminationSignals: false,
    nodeEnv: 'production',
    formatError: maskUnknown,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (message?: unknown) => log.warn({ message: String(message) }, 'apollo.warned'),
      error: (message?: unknown) => log.error({ message: String(message) }, 'apollo.failed'),
    },
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
  });
}

/** The graph that is loaded already, with our error edge around its executor. */
function withReportedErrors(supergraph: Supergraph, log: Logger): Gateway {
  const listeners = new Set<Parameters<Gateway['onSchemaLoadOrUpdate']>[0]>();
  return {
    onSchemaLoadOrUpdate(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async load() {
      for (const listener of listeners) listener({ apiSchema: supergraph.schema, coreSupergraphSdl: '' });
      return {
        executor: async ({ document, operation, queryHash, request, context }) => {
          const { scope } = context as ExecutionContext;
          const id = `${queryHash} ${operation.name?.value ?? ''}`;
          const only = withOneOperation(document, operation);
          const outcome = await supergraph.run({ id, document: only }, request.variables ?? {}, scope);
          const executed = reportErrors(outcome, scope, log);
          if (executed.body !== undefined) return JSON.parse(executed.body.text);
          return { data: executed.data, errors: executed.errors };
        },
      };
    },
    stop: async () => undefined,
  };
}

/** Errors of execution are ours by now; what Apollo Server itself finds wrong gets a code of our table. */
function maskUnknown(formatted: GraphQLFormattedError): GraphQLFormattedError {
  if (isErrorCode(formatted.extensions?.code)) return formatted;
  const code = formatted.extensions?.code === 'BAD_USER_INPUT' ? 'VALIDATION_FAILED' : 'INTERNAL';
  const { message } = new DomainError(code);
  return { ...formatted, message, extensions: { code } };
}
