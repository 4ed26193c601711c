import type { GraphQLSchema } from 'graphql';
import type { RequestScope } from '../execute.ts';
import type { Truths } from '../shape/collect.ts';
import type { Covered } from '../shape/complete.ts';
import type { TextBody } from '../text-body.ts';
import type { PassesThrough } from './pass-through.ts';

/** What one request has fetched so far. */
export interface PlanRun {
  readonly data: Record<string, unknown>;
  /** A subgraph's answer that is the caller's as it stands. */
  whole?: TextBody;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly truths: Truths;
  readonly scope: RequestScope;
  /** Errors of subgraphs with their places in the answer, and fetches that failed. Raw. */
  readonly errors: unknown[];
  /** The parts of the answer that these errors explain. */
  readonly covered: Covered[];
}

/** What every part of a plan is compiled with. */
export interface PlanParts {
  /** The whole graph, with what callers do not see: representations may hold it. */
  readonly supergraph: GraphQLSchema;
  readonly callOf: (subgraph: string) => CallSubgraph;
  /** Of a plan that is one fetch of what the caller asked for. */
  readonly passes?: PassesThrough | undefined;
}

/** A part of a plan. Never rejects: what goes wrong is in the run. */
export type Step = (run: PlanRun) => Promise<void>;

/** One call of a subgraph, by whichever transport. Throws when there is no answer that can be read. */
export type CallSubgraph = (call: SubgraphRequest, scope: RequestScope) => Promise<TextBody>;

export interface SubgraphRequest {
  readonly use: 'query' | 'mutation';
  /** The JSON of the request. */
  readonly body: string;
}

export interface SubgraphError {
  readonly message?: unknown;
  readonly path?: unknown;
  readonly extensions?: unknown;
}
