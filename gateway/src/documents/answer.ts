import { createHash } from 'node:crypto';
import { type DomainError, ERRORS, isErrorCode, toExtensions } from '@bridgework/kernel/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLError } from 'graphql';
import type { Executed } from '../graph/execute.ts';

const RESPONSE_JSON = 'application/graphql-response+json';
const JSON_TYPE = 'application/json';

export type MediaType = typeof RESPONSE_JSON | typeof JSON_TYPE;

/** The media type of the answer, or undefined when the caller takes none of ours. @see GraphQL over HTTP */
export function negotiate(accept: string | undefined): MediaType | undefined {
  if (accept === undefined || accept.trim() === '') return JSON_TYPE;
  const ranges = accept
    .toLowerCase()
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
      return { type, refused: parameters.some((one) => /^q=0(\.0*)?$/.test(one)) };
    })
    .filter(({ refused }) => !refused)
    .map(({ type }) => type);
  if (ranges.includes(RESPONSE_JSON)) return RESPONSE_JSON;
  return ranges.some((type) => [JSON_TYPE, 'application/*', '*/*'].includes(type)) ? JSON_TYPE : undefined;
}

/** Whole answers only: a document that met an error shows no data, and its status is the error's. */
export function sendResult(
  request: FastifyRequest,
  reply: FastifyReply,
  result: Executed,
  options: { readonly personalData: boolean },
): FastifyReply {
  if (result.errors !== undefined) return sendErrors(request, reply, result.errors);
  const body = result.body.bytes;
  reply
    .code(200)
    .header('cache-control', options.personalData ? 'no-store' : 'private, no-cache')
    .header('vary', 'Authorization, Accept, Accept-Language')
    .header('content-type', `${negotiate(request.headers.accept) ?? JSON_TYPE}; charset=utf-8`);
  if (request.method !== 'GET' || options.personalData) return reply.send(body);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 32)}"`;
  reply.header('etag', etag);
  return matches(request.headers['if-none-match'], etag) ? reply.code(304).send() : reply.send(body);
}

const matches = (condition: string | undefined, etag: string): boolean =>
  (condition ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);

/** A request that was refused before it ran. */
export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: DomainError,
  { status = ERRORS[refusal.code].status }: { readonly status?: number } = {},
): FastifyReply {
  const extensions = { ...toExtensions(refusal), requestId: request.id };
  return send(request, reply, status, [{ message: refusal.message, extensions }]);
}

function sendErrors(request: FastifyRequest, reply: FastifyReply, errors: readonly GraphQLError[]): FastifyReply {
  const statuses = errors.map(({ extensions }) =>
    isErrorCode(extensions.code) ? ERRORS[extensions.code].status : 500,
  );
  // Our own failure outranks a refusal: the caller must not take half an answer for a decision.
  const status = statuses.find((one) => one >= 500) ?? statuses[0] ?? 500;
  return send(
    request,
    reply,
    status,
    errors.map((error) => error.toJSON()),
  );
}

interface ShownError {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  errors: readonly ShownError[],
): FastifyReply {
  const { extensions } = errors[0] ?? {};
  if (status === 401) {
    const wrong = extensions?.code === 'MISSING_TOKEN' ? '' : ' error="invalid_token"';
    reply.header('www-authenticate', `Bearer${wrong}`);
  }
  if (extensions?.code === 'INSUFFICIENT_SCOPE') {
    const { scope = '' } = (extensions.members ?? {}) as { scope?: string };
    reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${scope}"`);
  }
  const retryAfter = errors.map((error) => error.extensions?.retryAfterSeconds).find((one) => typeof one === 'number');
  if (typeof retryAfter === 'number') reply.header('retry-after', String(retryAfter));
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('vary', 'Authorization, Accept')
    .header('content-type', `${negotiate(request.headers.accept) ?? JSON_TYPE}; charset=utf-8`)
    .send(JSON.stringify({ errors }));
}
