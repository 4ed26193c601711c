import { ERRORS, type ErrorCode, slugOf } from '@bridgework/kernel/errors';
import { type DocumentRequirement, EVENT_TYPES } from '@bridgework/schema';
import type { z } from 'zod';
import { NO_CONTENT } from './define-route.ts';
import { describeWebhook, PROBLEM_SCHEMA } from './describe-messages.ts';
import { describeInline, describeNamed, type JsonSchema, schemaRef } from './describe-schema.ts';
import { describeTags, HEADERS, type HeaderName, headerRefs } from './openapi-parts.ts';
import type { Route } from './route.ts';
import { belongsTo, type Major, VERSIONS } from './versions.ts';

/** What each registered operation asks of its caller, by the operation's name. */
export type Registered = ReadonlyMap<string, { readonly requirement: DocumentRequirement }>;

/**
 * The reference of one version as OpenAPI 3.1, made of the table alone; the scopes are those of each route's registered
 * document, so what is told and what is enforced cannot differ.
 */
export function buildOpenApi(allRoutes: readonly Route[], registered: Registered, major: Major = 'v1'): JsonSchema {
  const routes = allRoutes.filter(({ path }) => belongsTo(path, major));
  const answers = routes.flatMap((route) => Object.values(route.answers)).filter((dto) => dto !== NO_CONTENT);
  const bodies = routes.flatMap((route) => (route.body === undefined ? [] : [route.body]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Bridgework REST API',
      version: VERSIONS.find((one) => one.major === major)?.version,
      summary: 'The door of a dental clinic for its partners.',
      description: INTRODUCTION,
      license: { name: 'For partners of the clinic', identifier: 'LicenseRef-Partner-Agreement' },
    },
    servers: [{ url: '/', description: 'The clinic that serves this file.' }],
    tags: describeTags([...routes.map(({ tag }) => tag), ...(major === 'v1' ? ['Webhooks'] : [])]),
    paths: describePaths(routes, registered),
    // Events have versions of their own and are told of once.
    ...(major === 'v1'
      ? { webhooks: Object.fromEntries(EVENT_TYPES.map((type) => [type, { post: describeWebhook(type) }])) }
      : {}),
    components: {
      securitySchemes: {
        integrationToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'dci_live_… or dci_test_…',
          description: 'An integration token. The scopes an operation needs stand as its roles.',
        },
      },
      headers: HEADERS,
      schemas: {
        ...describeNamed([...new Set(answers)], { open: true }),
        ...describeNamed([...new Set(bodies)], { open: false }),
        Problem: PROBLEM_SCHEMA,
      },
    },
  };
}

const INTRODUCTION =
  'Additive changes only within a version: new operations, optional inputs and new response fields; ignore what you do not ' +
  'know. Refusals are application/problem+json (RFC 9457). Writes are done once per Idempotency-Key. HEAD is answered ' +
  'wherever GET is. There is no CORS: a token belongs on a server, never in a browser.';

function describePaths(routes: readonly Route[], registered: Registered): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route, registered) };
  }
  return paths;
}

function describeRoute(route: Route, registered: Registered): JsonSchema {
  const requirement = requirementOf(route, registered);
  return {
    operationId: operationIdOf(route),
    tags: [route.tag],
    summary: route.summary,
    description: route.description ?? route.summary,
    ...(route.deprecation === undefined ? {} : { deprecated: true }),
    security: requirement?.scopes.map((scopes) => ({ integrationToken: [...scopes] })) ?? [],
    parameters: describeParameters(route),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaRef(route.body) } } } }),
    responses: { ...describeAnswers(route), ...describeRefusals(refusalsOf(route, requirement), route) },
  };
}

function requirementOf({ operation }: Route, registered: Registered): DocumentRequirement | undefined {
  if (operation === undefined) return undefined;
  const document = registered.get(operation);
  if (document === undefined) throw new Error(`No document in schema/operations/rest-v1 is called ${operation}.`);
  return document.requirement;
}

const operationIdOf = ({ operation, path }: Route): string => {
  const name = operation?.replace(/V[0-9]+$/, '') ?? path.split('/')[3]?.replace(/\W.*$/, '') ?? path;
  return name.charAt(0).toLowerCase() + name.slice(1);
};

function describeParameters(route: Route): JsonSchema[] {
  const of = (place: 'path' | 'query', { shape }: z.ZodObject): JsonSchema[] =>
    Object.entries(shape).map(([name, schema]) => {
      const { description, ...described } = describeInline(schema as z.ZodType);
      const required = place === 'path' || !(schema as z.ZodType).safeParse(undefined).success;
      return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: described };
    });
  const key: JsonSchema = {
    name: 'Idempotency-Key',
    in: 'header',
    required: true,
    description: 'New for each operation, the same for each retry of it. Answers are repeated for 30 days.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
  };
  const version: JsonSchema = {
    name: 'If-Match',
    in: 'header',
    required: true,
    description: 'The ETag of what you have read; 412 when it has changed since.',
    schema: { type: 'string' },
  };
  return [
    ...of('path', route.params),
    ...of('query', route.query),
    ...(route.idempotent ? [key] : []),
    ...(route.ifMatch ? [version] : []),
  ];
}

function describeAnswers(route: Route): JsonSchema {
  const headers = headerRefs(headersOf(route));
  const answers = Object.entries(route.answers).map(([status, dto]) => [
    status,
    dto === NO_CONTENT
      ? { description: 'Done.', headers }
      : {
          description: status === '201' ? 'Done.' : 'The answer.',
          headers: status === '201' ? { ...headers, ...headerRefs(['Location']) } : headers,
          content: {
            'application/json': { schema: schemaRef(dto) },
            ...(status === '200' && route.page !== undefined ? { 'text/html': HTML } : {}),
          },
        },
  ]);
  return {
    ...Object.fromEntries(answers),
    ...(route.download === undefined
      ? {}
      : {
          200: {
            description: 'The file.',
            headers: { ...headers, ...headerRefs(['Repr-Digest', 'Content-Disposition']) },
            content: Object.fromEntries(
              route.download.map((type) => [type, type === 'application/json' ? JSON_FILE : FILE]),
            ),
          },
        }),
    ...(route.page?.only === true
      ? { 200: { description: 'The page.', headers, content: { 'text/html': HTML } } }
      : {}),
    ...(isCached(route) ? { 304: { description: 'What If-None-Match names is still current.', headers } } : {}),
  };
}

/** Bytes need no schema in OpenAPI 3.1. */
const FILE: JsonSchema = {};
const JSON_FILE: JsonSchema = { schema: { type: 'object' } };
const HTML: JsonSchema = { schema: { type: 'string' } };

const headersOf = (route: Route): readonly HeaderName[] => [
  'Request-Id',
  'API-Version',
  ...(route.operation === undefined ? [] : (['RateLimit-Policy', 'RateLimit'] as const)),
  ...(route.idempotent ? (['Idempotent-Replayed'] as const) : []),
  ...(isCached(route) || route.versioned ? (['ETag'] as const) : []),
  ...('cursor' in route.query.shape || route.deprecation !== undefined ? (['Link'] as const) : []),
  ...(route.deprecation === undefined ? [] : (['Deprecation', 'Sunset'] as const)),
];

const isCached = (route: Route): boolean => route.method === 'GET' && !route.personalData;

/** Every refusal a route can answer with: its own, and those that its parts bring along. */
export function refusalsOf(route: Route, requirement: DocumentRequirement | undefined): readonly ErrorCode[] {
  const needsScope = requirement?.scopes.every((scopes) => scopes.length > 0) === true;
  return [
    ...new Set<ErrorCode>([
      'UNKNOWN_FIELD',
      'VALIDATION_FAILED',
      ...(requirement === undefined ? [] : TOKEN_REFUSALS),
      ...(needsScope ? (['INSUFFICIENT_SCOPE'] as const) : []),
      ...(Object.keys(route.params.shape).length > 0 ? (['NOT_FOUND'] as const) : []),
      'NOT_ACCEPTABLE',
      ...bodyRefusalsOf(route),
      ...(route.ifMatch ? (['PRECONDITION_REQUIRED', 'PRECONDITION_FAILED'] as const) : []),
      ...(route.deprecation === undefined ? [] : (['VERSION_RETIRED'] as const)),
      ...route.refusals,
      'INTERNAL',
    ]),
  ];
}

const TOKEN_REFUSALS = [
  'MISSING_TOKEN',
  'INVALID_TOKEN',
  'WRONG_ENVIRONMENT',
  'INTEGRATION_PAUSED',
  'REVIEW_OVERDUE',
  'QUOTA_EXCEEDED',
  'TEMPORARILY_UNAVAILABLE',
] as const;
/** Also what asks for no body may be sent one. */
const SENT_REFUSALS = ['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;

const bodyRefusalsOf = ({ method, body }: Route): readonly ErrorCode[] => {
  if (body !== undefined) return ['MALFORMED_JSON', ...SENT_REFUSALS];
  return method === 'GET' ? [] : SENT_REFUSALS;
};

function describeRefusals(codes: readonly ErrorCode[], route: Route): JsonSchema {
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const slugs = codes
        .filter((code) => ERRORS[code].status === status)
        .map(slugOf)
        .sort();
      return [
        status,
        {
          description: slugs.join(', '),
          headers: headerRefs([...headersOfRefusal(route, status)]),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          'x-problem-types': slugs,
        },
      ];
    }),
  );
}

function headersOfRefusal(route: Route, status: number): Set<HeaderName> {
  // Business answers are repeated under their key; those about form and caller are given anew each time.
  const isRepeated = route.idempotent && [404, 409, 422].includes(status);
  return new Set([
    'Request-Id',
    'API-Version',
    ...(route.operation === undefined || status === 401 ? [] : (['RateLimit-Policy', 'RateLimit'] as const)),
    ...(isRepeated ? (['Idempotent-Replayed'] as const) : []),
    ...(route.deprecation === undefined || status < 404 ? [] : (['Deprecation', 'Sunset', 'Link'] as const)),
    ...(HEADERS_OF_STATUS[status] ?? []),
  ]);
}

const HEADERS_OF_STATUS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  403: ['WWW-Authenticate'],
  409: ['Retry-After'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};
