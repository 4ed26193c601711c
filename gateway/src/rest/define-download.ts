import type { ErrorCode } from '@bridgework/kernel/errors';
import type { z } from 'zod';
import { DEFAULT_MAX_BODY_BYTES, readInput } from './define-route.ts';
import type { FileAnswer, Route, RoutePath } from './route.ts';

/** A row of the table that answers with a file: bytes as they were kept, under a media type of their own. */
export function defineDownload<Data, Params extends z.ZodObject, Query extends z.ZodObject>(definition: {
  readonly path: RoutePath;
  readonly tag: string;
  readonly operation: string;
  readonly summary: string;
  readonly description?: string;
  readonly params: Params;
  readonly query: Query;
  /** Every media type it can answer with. */
  readonly mediaTypes: readonly string[];
  readonly refusals?: readonly ErrorCode[];
  readonly variables: (input: { params: z.output<Params>; query: z.output<Query> }) => Record<string, unknown>;
  readonly toFile: (data: Data, input: { params: z.output<Params>; query: z.output<Query> }) => FileAnswer;
}): Route {
  const { variables, toFile, mediaTypes, ...row } = definition;
  const route: Route = {
    ...row,
    method: 'GET',
    maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
    idempotent: false,
    ifMatch: false,
    versioned: false,
    personalData: false,
    answers: {},
    refusals: definition.refusals ?? [],
    download: mediaTypes,
    answer: async (raw, site) => {
      const { params, query } = readInput(route, raw);
      // readInput parsed both with the schemas that these types are derived from.
      const input = { params: params as z.output<Params>, query: query as z.output<Query> };
      const data = (await site.call(variables(input))) as Data;
      return { status: 200, replayed: false, body: undefined, file: toFile(data, input) };
    },
  };
  return route;
}
