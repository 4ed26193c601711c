import type { Socket } from 'node:net';
import type { GatewayConfig } from '@bridgework/kernel/config';
import { DomainError, ERRORS } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { type Logger, withoutRedaction } from '@bridgework/kernel/logger';
import { type ConnectionError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Registry } from './control/registry.ts';
import type { GatewayMetrics } from './metrics.ts';
import { PROBLEM_MEDIA_TYPE, toProblem } from './rest/problem.ts';
import { writeVersionHeaders } from './rest/unknown-requests.ts';

/** A request must have arrived whole by then. */
const RECEIVE_TIMEOUT_MS = 15_000;

/** The HTTP application without its routes: request ids, headers of every answer, health, and the last resort for errors. */
export function buildApp(
  config: GatewayConfig,
  registry: Registry,
  { log, metrics }: { readonly log: Logger; readonly metrics: Pick<GatewayMetrics, 'answered'> },
): FastifyInstance {
  const baseUrl = (config.PUBLIC_URL ?? '').replace(/\/$/, '');
  const app = fastify({
    logger: false,
    genReqId: () => newId('req'),
    requestIdHeader: false,
    // Without a proxy that is trusted, a client's address is the one its packets come from.
    trustProxy: config.TRUSTED_PROXIES.length > 0 ? [...config.TRUSTED_PROXIES] : false,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    routerOptions: { maxParamLength: 200 },
    // Node would refuse it with an empty answer; it is refused below, in our words.
    http: { requireHostHeader: false },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, baseUrl),
    frameworkErrors: (_error, request, reply) => {
      writeHeaders(reply, config);
      writeVersionHeaders(reply);
      answer(request, reply, new DomainError('NOT_FOUND'), baseUrl);
    },
  });
  // The hooks of every request are called back: a promise apiece would cost more than what they do.
  app.addHook('onRequest', (request, reply, done) => {
    writeHeaders(reply, config);
    if (request.raw.httpVersion !== '1.1' || request.headers.host !== undefined) return done();
    writeVersionHeaders(reply);
    done(new DomainError('MALFORMED_JSON', { detail: 'This is no HTTP request: it names no host.' }));
  });
  // What is expected of us beyond 100-continue may be ignored (RFC 9110, 10.1.1); Node would answer 417 without a word.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  const finished = withoutRedaction(log);
  app.addHook('onResponse', (request, reply, done) => {
    const { url: route = 'unknown' } = request.routeOptions;
    const { method } = request;
    const { statusCode: status, elapsedTime } = reply;
    metrics.answered({ route, method, status, seconds: elapsedTime / 1000 });
    const durationMs = Math.round(elapsedTime * 10) / 10;
    finished.info({ requestId: request.id, method, route, status, durationMs }, 'request.finished');
    done();
  });
  app.setNotFoundHandler((request, reply) => answer(request, reply, new DomainError('NOT_FOUND'), baseUrl));
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof DomainError) return answer(request, reply, error, baseUrl);
    log.error({ err: error, requestId: request.id }, 'request.failed');
    return answer(request, reply, new DomainError('INTERNAL'), baseUrl);
  });
  addHealth(app, registry);
  return app;
}

/** What is no HTTP at all has no request to answer: the same problem, written by hand, and the connection ends. */
function refuseConnection(error: ConnectionError, socket: Socket, baseUrl: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = new DomainError(error.code === 'HPE_HEADER_OVERFLOW' ? 'PAYLOAD_TOO_LARGE' : 'MALFORMED_JSON', {
    detail: error.code === 'HPE_HEADER_OVERFLOW' ? 'The headers are too large.' : 'This is no HTTP request.',
  });
  const requestId = newId('req');
  const problem = toProblem(refusal, { requestId, baseUrl });
  const body = JSON.stringify(problem.body);
  const head = [
    `HTTP/1.1 ${problem.status} Refused`,
    `request-id: ${requestId}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function addHealth(app: FastifyInstance, registry: Registry): void {
  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const state = registry.state();
    const generation = registry.current();
    return reply
      .code(state === 'away' ? 503 : 200)
      .header('cache-control', 'no-store')
      .send({
        status: READINESS[state],
        registry: state,
        writes: state === 'live',
        generation: generation?.number ?? null,
        completing: registry.isCompleting(),
        snapshot_issued_at: generation?.issuedAt.toISOString() ?? null,
      });
  });
}

const READINESS = { live: 'ready', stale: 'reads-only', away: 'not-ready' } as const;

function writeHeaders(reply: FastifyReply, config: GatewayConfig): void {
  reply.headers({
    'request-id': reply.request.id,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
  });
  if (config.PUBLIC_URL?.startsWith('https:') === true) {
    reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains');
  }
}

function answer(request: FastifyRequest, reply: FastifyReply, refusal: DomainError, baseUrl: string): FastifyReply {
  const problem = toProblem(refusal, { requestId: request.id, baseUrl });
  return reply
    .code(ERRORS[refusal.code].status)
    .headers(problem.headers)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem.body));
}
