import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { readIdempotencyKey } from './idempotency.ts';
import { DEFAULT_LIMIT, PAGE_PARAMETERS, type Page, type PageRequest, writePage } from './paging.ts';
import { parseInput, readQuery } from './parse-input.ts';
import { readIfMatch } from './preconditions.ts';
import type {
  Deprecation,
  FullerOperation,
  HtmlPage,
  Method,
  RawRequest,
  Route,
  RouteFacts,
  RoutePath,
} from './route.ts';
import { parseStrictJson } from './strict-json.ts';

type Shape = z.ZodObject;
type Read<Schema> = Schema extends Shape ? z.output<Schema> : Record<never, never>;

/** What `variables` and `toV1` are given: parsed input, of the types the definition declares. */
export type RouteInput<Params, Query, Body, Idempotent, Sort, IfMatch = undefined> = {
  readonly params: Read<Params>;
  readonly query: Read<Query>;
} & (Body extends Shape ? { readonly body: Read<Body> } : unknown) &
  (Idempotent extends true ? { readonly idempotencyKey: string } : unknown) &
  (Sort extends string ? { readonly page: PageRequest } : unknown) &
  (IfMatch extends true ? { readonly version: number } : unknown);

/** A route as it is written down in `v1/`. */
export interface RouteDefinition<Params, Query, Body, Idempotent, Sort, IfMatch, Data, Dto> {
  readonly method: Method;
  readonly path: RoutePath;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly operation: string;
  readonly fuller?: FullerOperation;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly maxBodyBytes?: number;
  /** A write that is done once per Idempotency-Key. */
  readonly idempotent?: Idempotent;
  /** A change that is refused unless If-Match names the version that is current. */
  readonly ifMatch?: IfMatch;
  /** What the validator of an answer is made of, where a change needs it. */
  readonly versionOf?: (shown: Dto) => number;
  /** A list: the order of its keyset. The frame adds `limit` and `cursor`; `toV1` answers a {@link Page}. */
  readonly sort?: Sort;
  readonly personalData: boolean;
  /** DTO by status; the lowest status is the usual one. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  readonly refusals?: readonly ErrorCode[];
  readonly action?: string;
  readonly slow?: boolean;
  readonly deprecation?: Deprecation;
  readonly variables: (input: RouteInput<Params, Query, Body, Idempotent, Sort, IfMatch>) => Record<string, unknown>;
  /** The operation's data as v1 shows it. `data` has the shape that the registered document asks for. */
  readonly toV1: (
    data: Data,
    input: RouteInput<Params, Query, Body, Idempotent, Sort, IfMatch>,
    facts: RouteFacts,
  ) => Dto | Page<Dto>;
  /** Where one operation has several answers. */
  readonly outcome?: (data: Data) => { readonly status: number; readonly replayed: boolean };
  /** Path at which what a 201 tells of can be read again. */
  readonly location?: (shown: Dto) => string;
}

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024;
const NOTHING = z.strictObject({});
/** Answer of a 204. */
export const NO_CONTENT = z.null();

/** Makes a row of the table. A further route is one file in `v1/` that calls this, and its line in routes.ts. */
export function defineRoute<
  Data,
  Dto,
  Params extends Shape | undefined = undefined,
  Query extends Shape | undefined = undefined,
  Body extends Shape | undefined = undefined,
  Idempotent extends boolean | undefined = undefined,
  Sort extends string | undefined = undefined,
  IfMatch extends boolean | undefined = undefined,
>(definition: RouteDefinition<Params, Query, Body, Idempotent, Sort, IfMatch, Data, Dto>): Route {
  type Input = RouteInput<Params, Query, Body, Idempotent, Sort, IfMatch>;
  const { variables, toV1, outcome, sort, location, versionOf, ...row } = definition;
  const query = definition.query ?? NOTHING;
  const usual = { status: usualStatus(definition.answers), replayed: false };
  const name = `${row.method} ${row.path}`;
  const route: Route = {
    ...withoutUndefined(row),
    params: definition.params ?? NOTHING,
    query: sort === undefined ? query : query.extend(PAGE_PARAMETERS),
    maxBodyBytes: definition.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    idempotent: definition.idempotent === true,
    ifMatch: definition.ifMatch === true,
    versioned: versionOf !== undefined,
    refusals: definition.refusals ?? [],
    answer: async (raw, site) => {
      const input = readInput(route, raw);
      const binding = { holder: site.holder, route: name, filter: input.query, sort: sort ?? '' };
      const { cursor, limit = DEFAULT_LIMIT } = input.pageParameters;
      const page: PageRequest = {
        first: limit,
        after: cursor === undefined ? null : site.cursors.open(cursor, binding),
      };
      // readInput parsed each part with the schema that Input is derived from.
      const parsed = { ...input, page } as unknown as Input;
      // The document was validated against the graph and execution proves its result, so data has the document's shape.
      const data = (await site.call(variables(parsed))) as Data;
      const { status, replayed } = outcome?.(data) ?? usual;
      const shown = toV1(data, parsed, site.facts);
      if (sort === undefined) {
        const made = status === 201 ? location?.(shown as Dto) : undefined;
        const version = versionOf?.(shown as Dto);
        return {
          status,
          replayed,
          body: shown,
          ...(made === undefined ? {} : { location: made }),
          ...(version === undefined ? {} : { version }),
        };
      }
      const { body, next } = writePage(shown as Page<Dto>, (position) => site.cursors.seal(position, binding));
      return { status, replayed, body, ...(next === undefined ? {} : { next: nextQuery(raw.url, next) }) };
    },
  };
  return route;
}

/** A public route that answers from the product itself and runs no operation. */
export function defineLocalRoute<Params extends Shape>(definition: {
  readonly path: RoutePath;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params: Params;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  readonly refusals?: readonly ErrorCode[];
  readonly toV1: (params: z.output<Params>, facts: RouteFacts) => unknown;
  /** The same for people. */
  readonly toPage?: (params: z.output<Params>, facts: RouteFacts) => HtmlPage;
}): Route {
  const { toV1, toPage, ...row } = definition;
  const paramsOf = (raw: RawRequest) => readInput(route, raw).params as z.output<Params>;
  const route: Route = {
    ...withoutUndefined(row),
    ...PUBLIC,
    refusals: definition.refusals ?? [],
    ...(toPage === undefined
      ? {}
      : { page: { only: false, write: (raw: RawRequest, facts: RouteFacts) => toPage(paramsOf(raw), facts) } }),
    answer: async (raw, site) => ({ status: 200, replayed: false, body: toV1(paramsOf(raw), site.facts) }),
  };
  return route;
}

/** A public page for people: HTML, whole in itself. */
export function definePage(definition: {
  readonly path: RoutePath;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly write: (facts: RouteFacts) => HtmlPage;
}): Route {
  const { write, ...row } = definition;
  const route: Route = {
    ...withoutUndefined(row),
    ...PUBLIC,
    params: NOTHING,
    answers: {},
    refusals: [],
    page: {
      only: true,
      write: (raw, facts) => {
        readInput(route, raw);
        return write(facts);
      },
    },
    answer: () => Promise.reject(new Error(`${definition.path} is HTML alone.`)),
  };
  return route;
}

const PUBLIC = {
  method: 'GET',
  query: NOTHING,
  maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  idempotent: false,
  ifMatch: false,
  versioned: false,
  personalData: false,
} as const;

/** @throws DomainError NOT_FOUND: a foreign thing and one that never was are the same to a caller. */
export function found<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new DomainError('NOT_FOUND');
  return value;
}

/** What a request says, parsed by the route's own schemas. */
export function readInput(route: Route, raw: RawRequest) {
  const params = route.params.safeParse(raw.params);
  // An id that cannot exist is an id that does not exist.
  if (!params.success) throw new DomainError('NOT_FOUND');
  const { limit, cursor, ...query } = parseInput(route.query, readQuery(raw.url));
  return {
    params: params.data,
    query,
    pageParameters: { limit, cursor } as { limit?: number; cursor?: string },
    ...(route.idempotent ? { idempotencyKey: readIdempotencyKey(raw.idempotencyKey) } : {}),
    ...(route.ifMatch ? { version: readIfMatch(raw.ifMatch) } : {}),
    ...(route.body === undefined
      ? {}
      : { body: parseInput(route.body, parseStrictJson(raw.body ?? new Uint8Array())) }),
  };
}

const usualStatus = (answers: Readonly<Record<number, unknown>>): number =>
  Math.min(...Object.keys(answers).map(Number));

function nextQuery(url: string, cursor: string): string {
  const parameters = new URLSearchParams(readQuery(url));
  parameters.set('cursor', cursor);
  return parameters.toString();
}

type Defined<Value> = { [Key in keyof Value]: Exclude<Value[Key], undefined> };

/** A definition's optional parts are absent or given; this says so to the compiler. */
const withoutUndefined = <Value extends object>(value: Value): Defined<Value> =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Defined<Value>;
