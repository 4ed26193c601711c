import { isUtf8 } from 'node:buffer';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission, AdmitRequest } from '../admit-request.ts';
import type { ReportSpool } from '../control/spool.ts';
import { negotiate, sendRefusal, sendResult } from './answer.ts';
import { answerText } from './answer-text.ts';
import { MAX_BODY_BYTES, requireSizeFor, requireSizeOf } from './body-limits.ts';
import { type GraphRequest, readBody, readSearch } from './read-request.ts';
import { resolveDocument } from './resolve-document.ts';
import type { AdHoc } from './run-ad-hoc.ts';
import type { RunDocument } from './run-document.ts';

export interface DocumentRoutesOptions {
  readonly admit: AdmitRequest;
  readonly run: RunDocument;
  readonly adHoc: AdHoc;
  readonly spool: Pick<ReportSpool, 'refused'>;
  readonly log: Logger;
}

declare module 'fastify' {
  interface FastifyRequest {
    admission: Admission | undefined;
    /** Of a body that was read. */
    bodyBytes: number;
  }
}

function admissionOf({ admission }: FastifyRequest): Admission {
  if (admission === undefined) throw new Error('The request was not admitted.');
  return admission;
}

/** `/graphql` in all its wire forms. Identity comes first, before a byte of the body is read. */
export function registerDocumentRoutes(app: FastifyInstance, options: DocumentRoutesOptions): void {
  app.decorateRequest('admission', undefined);
  app.decorateRequest('bodyBytes', 0);
  app.register((graph, _options, done) => {
    graph.removeAllContentTypeParsers();
    graph.addContentTypeParser(
      ['application/json', 'application/graphql-response+json'],
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      async (request: FastifyRequest, body: Buffer) => {
        requireSizeFor(admissionOf(request).scope.caller, body.length);
        request.bodyBytes = body.length;
        return parseBody(body);
      },
    );
    graph.addHook('onRequest', async (request) => {
      const admission = await options.admit(request);
      request.admission = admission;
      if (negotiate(request.headers.accept) === undefined) throw new DomainError('NOT_ACCEPTABLE');
      requireSizeFor(admission.scope.caller, Number(request.headers['content-length'] ?? 0));
    });
    graph.setErrorHandler((error, request, reply) => answerError(error, request, reply, options.log));
    const answer = (request: FastifyRequest, reply: FastifyReply, read: () => GraphRequest) =>
      answerRequest(options, admissionOf(request), { request, reply, bytes: request.bodyBytes }, read());

    graph.get('/graphql', (request, reply) => answer(request, reply, () => readSearch(searchOf(request))));
    graph.get<{ Params: { documentId: string } }>('/graphql/:documentId', (request, reply) =>
      answer(request, reply, () => readSearch(searchOf(request), request.params.documentId)),
    );
    graph.post('/graphql', { bodyLimit: MAX_BODY_BYTES }, (request, reply) =>
      answer(request, reply, () => readBody(request.body)),
    );
    refuseOtherMethods(graph, '/graphql', ['GET', 'HEAD', 'POST']);
    refuseOtherMethods(graph, '/graphql/:documentId', ['GET', 'HEAD']);
    done();
  });
}

function refuseOtherMethods(graph: FastifyInstance, url: string, allowed: readonly string[]): void {
  const method = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((one) => !allowed.includes(one));
  graph.route({
    method,
    url,
    onRequest: async (_request, reply) => {
      reply.header('allow', allowed.join(', '));
      throw new DomainError('METHOD_NOT_ALLOWED');
    },
    handler: async () => undefined,
  });
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Of the body. */
  readonly bytes: number;
}

async function answerRequest(
  options: DocumentRoutesOptions,
  admission: Admission,
  exchange: Exchange,
  asked: GraphRequest,
): Promise<FastifyReply> {
  const { text, documentId } = asked;
  if (text !== undefined && admission.adHoc) {
    return answerText(options.adHoc, admission.scope, exchange, { ...asked, text, bytes: exchange.bytes });
  }
  const refused = (code: ErrorCode): DomainError =>
    reportRefused(options, admission, documentId, new DomainError(code));
  if (text !== undefined || documentId === undefined) throw refused('PERSISTED_DOCUMENT_REQUIRED');
  return answerDocument(options, admission, exchange, { ...asked, documentId });
}

async function answerDocument(
  options: DocumentRoutesOptions,
  admission: Admission,
  { request, reply, bytes }: Exchange,
  asked: GraphRequest & { documentId: string },
): Promise<FastifyReply> {
  const { scope, generation } = admission;
  const { document } = resolving(options, admission, asked.documentId, () =>
    resolveDocument(generation, scope.caller, asked.documentId),
  );
  requireSizeOf(document, bytes);
  if (document.operation === 'mutation' && request.method !== 'POST') {
    reply.header('allow', 'POST');
    throw new DomainError('METHOD_NOT_ALLOWED', { detail: 'A mutation is sent by POST.' });
  }
  if (asked.operationName !== undefined && asked.operationName !== document.operationName) {
    throw new DomainError('VALIDATION_FAILED', { detail: 'The document has another operation name.' });
  }
  const result = await options.run(document, asked.variables, scope, { entity: 'document', entityId: document.id });
  return sendResult(request, reply, result, { personalData: document.requirement.personalData });
}

function resolving<Found>(
  options: DocumentRoutesOptions,
  admission: Admission,
  documentId: string,
  resolve: () => Found,
): Found {
  try {
    return resolve();
  } catch (error) {
    throw error instanceof DomainError ? reportRefused(options, admission, documentId, error) : error;
  }
}

/** An id as it may stand in an audit row: a hash. Whatever else was sent may be anything, a patient's name included. */
const DOCUMENT_ID = /^(sha256:)?[0-9a-f]{32,128}$/;

function reportRefused(
  { spool }: DocumentRoutesOptions,
  { scope }: Admission,
  documentId: string | undefined,
  refusal: DomainError,
): DomainError {
  spool.refused({
    requestId: scope.requestId,
    caller: scope.caller,
    action: 'document.execute',
    entity: 'document',
    entityId: documentId !== undefined && DOCUMENT_ID.test(documentId) ? documentId : null,
    code: refusal.code,
    message: refusal.message,
  });
  return refusal;
}

const BYTE_ORDER_MARK = /^\ufeff/;

function parseBody(body: Buffer): unknown {
  try {
    if (isUtf8(body)) return JSON.parse(body.toString('utf8').replace(BYTE_ORDER_MARK, ''));
  } catch {
    // What is no JSON and what is no text are refused alike.
  }
  throw new DomainError('MALFORMED_JSON');
}

function searchOf(request: FastifyRequest): string {
  const { url } = request.raw;
  return url?.includes('?') === true ? url.slice(url.indexOf('?') + 1) : '';
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const refusal = error instanceof DomainError ? error : fromFramework(error);
  if (refusal !== undefined) return sendRefusal(request, reply, refusal);
  log.error({ err: error, requestId: request.id }, 'request.failed');
  return sendRefusal(request, reply, new DomainError('INTERNAL'));
}

/** What Fastify refuses by itself: bodies it does not take. */
function fromFramework(error: unknown): DomainError | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  switch (status) {
    case 413:
      return new DomainError('PAYLOAD_TOO_LARGE');
    case 415:
      return new DomainError('UNSUPPORTED_MEDIA_TYPE');
    case 400:
      return new DomainError('VALIDATION_FAILED');
    default:
      return undefined;
  }
}
