import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestScope } from '../graph/execute.ts';
import { negotiate, sendRefusal } from './answer.ts';
import type { GraphRequest } from './read-request.ts';
import type { AdHoc } from './run-ad-hoc.ts';

const JSON_TYPE = 'application/json';

/** What is wrong with the document or its variables, not with the request or whoever sent it. */
const ABOUT_DOCUMENT: ReadonlySet<ErrorCode> = new Set(['GRAPHQL_VALIDATION_FAILED', 'VALIDATION_FAILED']);

/**
 * Answers query text. To a partner who takes `application/json` a document that does not fit the graph is a GraphQL answer
 * like any other, with 200; with `application/graphql-response+json`, and to managers, its status tells.
 *
 * @see GraphQL over HTTP, 6.4.1 application/json
 */
export async function answerText(
  adHoc: AdHoc,
  scope: RequestScope,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  asked: GraphRequest & { readonly text: string; readonly bytes: number },
): Promise<FastifyReply> {
  const accept = negotiate(request.headers.accept) ?? JSON_TYPE;
  try {
    const answer = await adHoc.run({ ...asked, method: request.method, accept }, scope);
    return reply
      .code(answer.status)
      .header('content-type', answer.contentType)
      .header('cache-control', 'no-store')
      .header('vary', 'Authorization, Accept')
      .send(answer.body);
  } catch (error) {
    const isAnswer = accept === JSON_TYPE && scope.caller.kind === 'integration';
    if (!isAnswer || !(error instanceof DomainError) || !ABOUT_DOCUMENT.has(error.code)) throw error;
    return sendRefusal(request, reply, error, { status: 200 });
  }
}
