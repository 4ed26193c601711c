import type { SubgraphName } from '@bridgework/schema';
import type { GraphQLFieldResolver, GraphQLScalarType } from 'graphql';
import type { IntegrationSecrets } from './config.ts';
import type { Context, GatewayCaller } from './context.ts';
import type { Database } from './database.ts';
import type { Logger } from './logger.ts';

/** What resolvers of one type look like; `__resolveReference` is federation's entity loader. */
export type FieldResolvers = Record<string, GraphQLFieldResolver<never, Context>> & {
  readonly __resolveReference?: (reference: never, ctx: Context) => unknown;
};
export type Resolvers = Record<string, FieldResolvers | GraphQLScalarType>;

/** What a subgraph package hands to the host: its name, its resolvers and, for the registry alone, its control routes. */
export interface Subgraph {
  readonly name: SubgraphName;
  readonly resolvers: Resolvers;
  /** Parts that live as long as the process. Called once per process, after the database is open. */
  readonly start?: (runtime: SubgraphRuntime) => Promise<RunningSubgraph>;
}

export interface SubgraphRuntime {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly log: Logger;
  readonly now: () => Date;
  readonly secrets: IntegrationSecrets;
  /** Where gateways are told to look again; undefined when there is only the stream. */
  readonly redisUrl?: string | undefined;
}

export interface RunningSubgraph {
  /** Keyed by method and path, `GET /control/stream`. The host has verified the gateway before it calls one. */
  readonly controlRoutes: Readonly<Record<string, ControlRoute>>;
  close(): Promise<void>;
}

export interface ControlRequest {
  readonly caller: GatewayCaller;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Aborted when the gateway went away or the process is stopping. */
  readonly signal: AbortSignal;
}

/** Answers with one JSON value, or with a stream of them (newline-delimited JSON). */
export type ControlRoute = (request: ControlRequest) => Promise<unknown> | AsyncIterable<unknown>;
