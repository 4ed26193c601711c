import { DomainError } from '@bridgework/kernel/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { writeProblem } from './reply.ts';
import type { Route } from './route.ts';

/** 405 with what is allowed where a path is known, otherwise 404. */
export function answerUnknown(
  baseUrl: string,
  routes: readonly Route[],
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const path = decoded(request.url.split('?', 1)[0] ?? '');
  const methods = routes.filter((route) => matchesPath(route, path)).map(({ method }) => method);
  if (methods.includes('GET')) methods.push('HEAD' as 'GET');
  if (methods.length === 0 || methods.some((method) => method === request.method)) {
    return writeProblem(reply, new DomainError('NOT_FOUND'), baseUrl);
  }
  reply.header('allow', [...new Set(methods)].join(', '));
  return writeProblem(reply, new DomainError('METHOD_NOT_ALLOWED'), baseUrl);
}

/** As the router reads it, so that a path it knows is known here. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function matchesPath(route: Route, path: string): boolean {
  const expected = route.path.split('/');
  const given = path.split('/');
  return (
    expected.length === given.length &&
    expected.every((step, index) => (step.startsWith('{') ? given[index] !== '' : step === given[index]))
  );
}

/** Fastify's own refusals in our words. */
export function fromFramework(thrown: unknown): DomainError | undefined {
  if (thrown instanceof DomainError || !(thrown instanceof Error)) return undefined;
  const { statusCode } = thrown as { statusCode?: unknown };
  if (statusCode === 413) return new DomainError('PAYLOAD_TOO_LARGE');
  if (statusCode === 415) return new DomainError('UNSUPPORTED_MEDIA_TYPE');
  if (statusCode === 400) return new DomainError('MALFORMED_JSON', { detail: 'The body could not be read.' });
  return undefined;
}
