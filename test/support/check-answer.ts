import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** What the check needs of an OpenAPI document. */
export interface ReferenceDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

interface OperationDocument {
  readonly responses: Readonly<Record<string, ResponseDocument>>;
}

interface ResponseDocument {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
  readonly 'x-problem-types'?: readonly string[];
}

/** A request and what came back. */
export interface Exchange {
  readonly method: string;
  /** Path without its query, as it was sent. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What is wrong with an answer of the REST API by its reference; nothing when it is as documented. */
export type CheckAnswer = (exchange: Exchange) => string[];

/** Headers that say something of an answer: one that carries them without its reference saying so is undocumented. */
const TOLD = [
  'etag',
  'link',
  'location',
  'deprecation',
  'sunset',
  'idempotent-replayed',
  'retry-after',
  'www-authenticate',
];
const PROBLEM = 'application/problem+json';

/**
 * Checks answers against the documents: status, media type, body and headers, and nothing beyond them. Objects are
 * closed for the check, though partners are told that they may grow: what leaves today stands in today's document.
 */
export function createAnswerCheck(documents: readonly ReferenceDocument[]): CheckAnswer {
  const references = documents.map((document) => ({ document, validate: createValidator(document) }));
  return (exchange) => {
    const faults = commonFaults(exchange);
    const found = references.flatMap(({ document, validate }) =>
      matchingPaths(document, exchange.path).map((operations) => ({ operations, validate })),
    );
    const method = (exchange.method === 'HEAD' ? 'GET' : exchange.method).toLowerCase();
    const match = found.find(({ operations }) => operations[method] !== undefined);
    const operation = match?.operations[method];
    if (match === undefined || operation === undefined) {
      return [...faults, ...unknownFaults(exchange, found.length > 0)];
    }
    return [...faults, ...operationFaults(exchange, operation, match.validate)];
  };
}

type Validate = (schema: object, value: unknown) => string[];

function operationFaults(exchange: Exchange, { responses }: OperationDocument, validate: Validate): string[] {
  const { status, headers, text, method } = exchange;
  const response = responses[status];
  if (response === undefined) return [`status ${status} is not documented`];
  const documented = new Set(Object.keys(response.headers ?? {}).map((name) => name.toLowerCase()));
  const faults = TOLD.filter((name) => headers.has(name) && !documented.has(name)).map(
    (name) => `header ${name} is not documented for ${status}`,
  );
  if (response.content === undefined) return text === '' ? faults : [...faults, `${status} has a body`];
  const media = mediaTypeOf(headers);
  const content = response.content[media];
  if (content === undefined) return [...faults, `media type ${media} is not documented for ${status}`];
  if (method === 'HEAD') return text === '' ? faults : [...faults, 'HEAD was answered with a body'];
  if (!media.endsWith('json')) return faults;
  const body = parse(text);
  if (body === undefined) return [...faults, 'the body is not JSON'];
  return [...faults, ...validate(content.schema, body), ...problemFaults(exchange, response, body)];
}

function problemFaults({ status, headers }: Exchange, response: ResponseDocument, body: unknown): string[] {
  const types = response['x-problem-types'];
  if (types === undefined) return [];
  const problem = body as { type?: string; status?: number; request_id?: string };
  const slug = String(problem.type).replace(/^.*\/api\/v1\/problems\//, '');
  return [
    ...(types.includes(slug) ? [] : [`problem ${slug} is not documented for ${status}`]),
    ...(problem.status === status ? [] : ['the problem tells another status']),
    ...(problem.request_id === headers.get('request-id') ? [] : ['the problem tells another request id']),
  ];
}

function unknownFaults({ status, headers }: Exchange, isKnownPath: boolean): string[] {
  const expected = isKnownPath ? 405 : 404;
  return [
    ...(status === expected || status === 404 ? [] : [`an operation that is not documented answered ${status}`]),
    ...(mediaTypeOf(headers) === PROBLEM ? [] : ['a refusal is no problem+json']),
    ...(status === 405 && !headers.has('allow') ? ['405 without Allow'] : []),
  ];
}

function commonFaults({ status, headers }: Exchange): string[] {
  const needed = ['request-id', 'api-version', 'cache-control', 'vary', 'x-content-type-options'];
  if (status === 429 || status === 503) needed.push('retry-after');
  if (status === 401) needed.push('www-authenticate');
  const missing = needed.filter((name) => !headers.has(name)).map((name) => `header ${name} is missing`);
  const isProblem = status >= 400 && mediaTypeOf(headers) !== PROBLEM && !headers.has('content-length');
  return isProblem ? [...missing, `${status} is no problem+json`] : missing;
}

function matchingPaths({ paths }: ReferenceDocument, path: string): Record<string, OperationDocument>[] {
  const given = decoded(path).split('/');
  return Object.entries(paths)
    .filter(([template]) => {
      const steps = template.split('/');
      return (
        steps.length === given.length &&
        steps.every((step, index) => (step.startsWith('{') ? given[index] !== '' : step === given[index]))
      );
    })
    .sort(([one], [other]) => one.split('{').length - other.split('{').length)
    .map(([, operations]) => operations);
}

/** Compiles each schema once, closed. */
function createValidator({ components }: ReferenceDocument): Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  formats.default(ajv);
  ajv.addSchema({ $id: 'reference', components: { schemas: closed(components.schemas) } });
  const compiled = new Map<object, ReturnType<typeof ajv.compile>>();
  return (schema, value) => {
    const validate = compiled.get(schema) ?? ajv.compile(closed(rebased(schema)) as object);
    compiled.set(schema, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`;
    });
  };
}

function rebased(schema: object): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"reference#/components'));
}

/** Every object with members has those members and no other. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, key === 'examples' ? value : closed(value)]);
  const result = Object.fromEntries(entries);
  const isOpenObject = result.properties !== undefined && result.additionalProperties === undefined;
  return isOpenObject ? { ...result, additionalProperties: false } : result;
}

const mediaTypeOf = (headers: Headers): string => (headers.get('content-type') ?? '').split(';')[0] ?? '';

function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
