import { ERRORS, type ErrorCode, slugOf } from '@bridgework/kernel/errors';
import { type DocumentRequirement, EVENT_TYPES } from '@bridgework/schema';
import type { z } from 'zod';
import { describeWebhook, PROBLEM_SCHEMA } from './describe-messages.ts';
import { describeInline, describeNamed, type JsonSchema, schemaRef } from './describe-schema.ts';
import type { Route } from './route.ts';
import { API_VERSION } from './versions.ts';

/** What each registered operation asks of its caller, by the operation's name. */
export type Registered = ReadonlyMap<string, { readonly requirement: DocumentRequirement }>;

/**
 * The reference as OpenAPI 3.1, made of the table alone; the scopes are those of each route's registered document, so what
 * is told and what is enforced cannot differ.
 */
export function buildOpenApi(routes: readonly Route[], registered: Registered): JsonSchema {
  const answers = routes.flatMap((route) => Object.values(route.answers));
  const bodies = routes.flatMap((route) => (route.body === undefined ? [] : [route.body]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Bridgework REST API',
      version: API_VERSION,
      description: 'The door of a dental clinic for its partners. Additive changes only within v1.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: describePaths(routes, registered),
    webhooks: Object.fromEntries(EVENT_TYPES.map((type) => [type, { post: describeWebhook(type) }])),
    components: {
      securitySchemes: {
        integrationToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'dci_live_… or dci_test_…',
          description: 'An integration token. The scopes an operation needs stand as its roles.',
        },
      },
      schemas: {
        ...describeNamed([...new Set(answers)], { open: true }),
        ...describeNamed([...new Set(bodies)], { open: false }),
        Problem: PROBLEM_SCHEMA,
      },
    },
  };
}

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
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.deprecation === undefined ? {} : { deprecated: true }),
    security: requirement?.scopes.map((scopes) => ({ integrationToken: [...scopes] })) ?? [],
    parameters: describeParameters(route),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaRef(route.body) } } } }),
    responses: { ...describeAnswers(route), ...describeRefusals(refusalsOf(route, requirement)) },
  };
}

function requirementOf({ operation }: Route, registered: Registered): DocumentRequirement | undefined {
  if (operation === undefined) return undefined;
  const document = registered.get(operation);
  if (document === undefined) throw new Error(`No document in schema/operations/rest-v1 is called ${operation}.`);
  return document.requirement;
}

const operationIdOf = ({ operation, path }: Route): string => {
  const name = operation?.replace(/V1$/, '') ?? path.split('/')[3]?.replace(/\W.*$/, '') ?? path;
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
  return [...of('path', route.params), ...of('query', route.query), ...(route.idempotent ? [key] : [])];
}

function describeAnswers(route: Route): JsonSchema {
  const headers = {
    'Request-Id': { schema: { type: 'string' } },
    'API-Version': { schema: { type: 'string' } },
    ...(route.idempotent ? { 'Idempotent-Replayed': { schema: { type: 'string', enum: ['true'] } } } : {}),
    ...(isCached(route) ? { ETag: { schema: { type: 'string' } } } : {}),
  };
  const answers = Object.entries(route.answers).map(([status, dto]) => [
    status,
    {
      description: status === '201' ? 'Done.' : 'The answer.',
      headers,
      content: { 'application/json': { schema: schemaRef(dto) } },
    },
  ]);
  return {
    ...Object.fromEntries(answers),
    ...(isCached(route) ? { 304: { description: 'What If-None-Match names is still current.' } } : {}),
  };
}

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
      ...(route.body === undefined ? [] : BODY_REFUSALS),
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
  'TEMPORARILY_UNAVAILABLE',
] as const;
const BODY_REFUSALS = ['MALFORMED_JSON', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;

function describeRefusals(codes: readonly ErrorCode[]): JsonSchema {
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: codes
          .filter((code) => ERRORS[code].status === status)
          .map(slugOf)
          .sort()
          .join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}
