import { ERRORS } from '@bridgework/kernel/errors';
import type { FastifyReply } from 'fastify';
import { matchesEtag, strongEtag } from './etag.ts';
import { REPLAYED_HEADER } from './idempotency.ts';
import { versionedEtag } from './preconditions.ts';
import { PROBLEM_MEDIA_TYPE, refusalOf, toProblem } from './problem.ts';
import type { Deprecation, FileAnswer, HtmlPage, Route, RouteAnswer } from './route.ts';

/** Headers of every answer, the refused ones included. */
export function writeCommonHeaders(reply: FastifyReply, version: string): void {
  reply.headers({
    'request-id': reply.request.id,
    'api-version': version,
    'cache-control': 'no-store',
    vary: 'Authorization, Accept',
    'x-content-type-options': 'nosniff',
  });
}

/** Answers with the route's DTO, or 304 when the caller holds these very bytes already. */
export function writeAnswer(
  reply: FastifyReply,
  route: Route,
  answer: RouteAnswer,
  ifNoneMatch?: string,
): FastifyReply {
  if (answer.status === 204) return reply.code(204).send();
  const text = JSON.stringify(answer.body);
  reply.code(answer.status).type('application/json; charset=utf-8');
  if (answer.replayed) reply.header(REPLAYED_HEADER, 'true');
  if (answer.location !== undefined) reply.header('location', answer.location);
  if (answer.next !== undefined) addLink(reply, `${route.path}?${answer.next}`, 'next');
  // Hashing the whole answer is dear: not for those that carry no validator.
  if (route.method !== 'GET' && answer.version !== undefined) reply.header('etag', versionedEtag(answer.version, text));
  if (route.method !== 'GET' || route.personalData) return reply.send(text);
  const etag = answer.version === undefined ? strongEtag(text) : versionedEtag(answer.version, text);
  return sendUnlessHeld(reply, { text, etag }, ifNoneMatch);
}

/** Answers with a page. Its style sheets are named by their hash; scripts, and whatever comes from elsewhere, are refused. */
export function writePageAnswer(
  reply: FastifyReply,
  { html, styleHashes }: HtmlPage,
  ifNoneMatch: string | undefined,
): FastifyReply {
  reply
    .code(200)
    .type('text/html; charset=utf-8')
    .header(
      'content-security-policy',
      `default-src 'none'; style-src ${styleHashes.join(' ')}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  return sendUnlessHeld(reply, { text: html, etag: strongEtag(html) }, ifNoneMatch);
}

/** Answers with a file, or 304 when the caller holds these very bytes already. @see RFC 9530, RFC 6266 */
export function writeFileAnswer(reply: FastifyReply, file: FileAnswer, ifNoneMatch: string | undefined): FastifyReply {
  const etag = `"${file.sha256}"`;
  reply.code(200).headers({
    'cache-control': 'private, no-cache',
    etag,
    'repr-digest': `sha-256=:${Buffer.from(file.sha256, 'hex').toString('base64')}:`,
    'content-disposition': `attachment; filename="${file.fileName}"`,
    'content-type': file.mediaType,
  });
  if (!matchesEtag(ifNoneMatch, etag)) return reply.send(file.bytes);
  return reply.code(304).removeHeader('content-type').removeHeader('content-disposition').send();
}

function sendUnlessHeld(
  reply: FastifyReply,
  { text, etag }: { readonly text: string; readonly etag: string },
  ifNoneMatch: string | undefined,
): FastifyReply {
  reply.headers({ 'cache-control': 'private, no-cache', etag });
  if (!matchesEtag(ifNoneMatch, etag)) return reply.send(text);
  return reply.code(304).removeHeader('content-type').send();
}

/** Answers with the problem of whatever was thrown. */
export function writeProblem(reply: FastifyReply, thrown: unknown, baseUrl: string): FastifyReply {
  const refusal = refusalOf(thrown);
  const problem = toProblem(refusal, { requestId: reply.request.id, baseUrl });
  if (refusal.details.replayed === true) reply.header(REPLAYED_HEADER, 'true');
  return reply
    .code(ERRORS[refusal.code].status)
    .headers(problem.headers)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem.body));
}

/** @see RFC 9745, RFC 8594 */
export function writeDeprecation(reply: FastifyReply, deprecation: Deprecation): void {
  reply.headers({
    deprecation: `@${Math.floor(deprecation.since.getTime() / 1000)}`,
    sunset: deprecation.sunset.toUTCString(),
  });
  addLink(reply, deprecation.link, 'deprecation');
  if (deprecation.successor !== undefined) addLink(reply, deprecation.successor, 'successor-version');
}

function addLink(reply: FastifyReply, target: string, relation: string): void {
  const link = `<${target}>; rel="${relation}"`;
  const links = reply.getHeader('link');
  reply.header('link', links === undefined ? link : `${links}, ${link}`);
}
