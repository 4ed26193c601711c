import { DomainError } from '@bridgework/kernel/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { writeCommonHeaders, writeProblem } from './reply.ts';
import type { Route } from './route.ts';
import { belongsTo, VERSIONS } from './versions.ts';

/**
 * The headers of the version under whose prefix the URL is, for what is refused before any route is looked for: a path that
 * cannot be decoded, or one that is longer than any of ours.
 */
export function writeVersionHeaders(reply: FastifyReply): void {
  const path = reply.request.raw.url ?? '';
  const asked = VERSIONS.find(({ major }) => belongsTo(path, major));
  if (asked !== undefined) writeCommonHeaders(reply, asked.version);
}

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
