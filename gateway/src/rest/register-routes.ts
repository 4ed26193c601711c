import { actorOf } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestScope } from '../graph/execute.ts';
import type { GatewayServices } from '../services.ts';
import { type Admission, noteRequest, reportRefusedWrite } from './admission.ts';
import { IDEMPOTENCY_HEADER } from './idempotency.ts';
import {
  prefersHtml,
  requireHtmlAccepted,
  requireJsonAccepted,
  requireJsonBody,
  requireOneAccepted,
} from './negotiate.ts';
import { type CursorSeal, createCursorSeal } from './paging.ts';
import { refusalOf } from './problem.ts';
import {
  writeAnswer,
  writeCommonHeaders,
  writeDeprecation,
  writeFileAnswer,
  writePageAnswer,
  writeProblem,
} from './reply.ts';
import type { RawRequest, Route, RouteAnswer, RouteFacts } from './route.ts';
import { routes as productRoutes } from './routes.ts';
import { answerUnknown, fromFramework } from './unknown-requests.ts';
import { inV1Names } from './v1-names.ts';
import { belongsTo, prefixOf, VERSIONS } from './versions.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the frame of REST has learned of it. On the request itself: see docs/decisions/0040. */
    restAdmission: Admission | undefined;
  }
}

interface Frame {
  readonly services: GatewayServices;
  readonly cursors: CursorSeal;
  readonly baseUrl: string;
  readonly routes: readonly Route[];
}

/**
 * Mounts every version of the REST API. The application gives each request its public id (`genReqId: () => newId('req')`) and answers what
 * meets no route at all, such as a URL that cannot be decoded.
 *
 * The order of the checks is part of the contract: identity, scope, media types, then what the request says.
 */
export async function registerRest(
  app: FastifyInstance,
  services: GatewayServices,
  routes: readonly Route[] = productRoutes,
): Promise<void> {
  const frame: Frame = {
    services,
    cursors: createCursorSeal(services.config.CURSOR_KEY),
    baseUrl: (services.config.PUBLIC_URL ?? '').replace(/\/$/, ''),
    routes,
  };
  app.decorateRequest('restAdmission', undefined);
  for (const { major, version } of VERSIONS) {
    const own = routes.filter(({ path }) => belongsTo(path, major));
    await mountVersion(app, frame, { prefix: prefixOf(major), version, routes: own });
  }
}

async function mountVersion(
  app: FastifyInstance,
  frame: Frame,
  { prefix, version, routes }: { prefix: string; version: string; routes: readonly Route[] },
): Promise<void> {
  const { services } = frame;
  await app.register(
    (rest, _options, done) => {
      rest.removeAllContentTypeParsers();
      // Bytes, whatever they are called: the media type was judged before, and strict-json reads them.
      rest.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
      const refuseUnknown = (request: FastifyRequest, reply: FastifyReply) =>
        answerUnknown(frame.baseUrl, routes, request, reply);
      rest.addHook('onRequest', (request, reply, next) => {
        writeCommonHeaders(reply, version);
        // Before its body is read: what is wrong with that is nothing beside there being no such operation.
        if (request.is404 || hasEmptyStep(request)) refuseUnknown(request, reply);
        else next();
      });
      rest.addHook('onResponse', (request, reply, next) => {
        noteRequest(services, request.restAdmission, request, reply);
        next();
      });
      rest.setErrorHandler((error, request, reply) => refuse(frame, error, request, reply));
      rest.setNotFoundHandler(refuseUnknown);
      for (const route of routes) mount(rest, frame, prefix, route);
      done();
    },
    { prefix },
  );
}

/** The router takes `/appointments/` for `/appointments/{id}`; the contract knows no such path. */
const hasEmptyStep = ({ params }: FastifyRequest): boolean =>
  Object.values(params as Readonly<Record<string, string>>).includes('');

function mount(rest: FastifyInstance, frame: Frame, prefix: string, route: Route): void {
  rest.route({
    method: route.method,
    url: route.path.slice(prefix.length).replaceAll(/\{([a-z_]+)\}/g, ':$1'),
    bodyLimit: route.maxBodyBytes,
    onRequest: (request) => admit(frame, route, request),
    handler: async (request, reply) => {
      judgeDeprecation(frame, route, request, reply);
      const { accept, 'if-none-match': ifNoneMatch } = request.headers;
      if (route.page !== undefined && (route.page.only || prefersHtml(accept))) {
        return writePageAnswer(reply, route.page.write(rawOf(request), factsOf(frame)), ifNoneMatch);
      }
      const answer = await run(frame, route, request);
      if (answer.file !== undefined) return writeFileAnswer(reply, answer.file, ifNoneMatch);
      return writeAnswer(reply, route, answer, ifNoneMatch);
    },
  });
}

async function admit(frame: Frame, route: Route, request: FastifyRequest): Promise<void> {
  const admission: Admission = { route, operationRuns: false };
  request.restAdmission = admission;
  if (route.operation !== undefined) {
    const scope = await frame.services.authenticate(request, (caller) => {
      admission.caller = caller;
    });
    admission.scope = route.slow === true ? { ...scope, isBulk: true } : scope;
    admission.operation = chooseOperation(route, admission.scope) ?? route.operation;
    frame.services.authorizeOperation(admission.operation, admission.scope);
  }
  const { accept } = request.headers;
  if (route.download !== undefined) requireOneAccepted(accept, route.download);
  else if (route.page?.only === true) requireHtmlAccepted(accept);
  else if (route.page === undefined || !prefersHtml(accept)) requireJsonAccepted(accept);
  if (route.body !== undefined) {
    requireJsonBody(request.headers['content-type'], request.headers['content-encoding']);
  }
}

/** The fuller operation, if the route has one and the caller the scope for it. */
function chooseOperation({ fuller }: Route, { caller }: RequestScope): string | undefined {
  const scopes = caller.kind === 'gateway' ? [] : caller.scopes;
  return fuller !== undefined && scopes.includes(fuller.scope) ? fuller.operation : undefined;
}

async function run(frame: Frame, route: Route, request: FastifyRequest): Promise<RouteAnswer> {
  const admission = request.restAdmission;
  const scope = admission?.scope;
  const answer = await route.answer(rawOf(request), {
    holder: scope === undefined ? '' : holderOf(scope),
    cursors: frame.cursors,
    facts: factsOf(frame),
    call: async (variables) => {
      if (admission?.operation === undefined || scope === undefined) {
        throw new Error(`${route.path} runs no operation.`);
      }
      admission.operationRuns = true;
      return frame.services.callOperation(admission.operation, variables, scope).catch((refusal: unknown) => {
        throw inV1Names(refusal);
      });
    },
  });
  return answer.file === undefined ? { ...answer, body: proveAnswer(route, answer) } : answer;
}

const rawOf = (request: FastifyRequest): RawRequest => ({
  url: request.raw.url ?? '',
  params: request.params as Record<string, string>,
  body: Buffer.isBuffer(request.body) ? request.body : undefined,
  idempotencyKey: request.headers[IDEMPOTENCY_HEADER],
  ifMatch: request.headers['if-match'],
});

function factsOf({ services: { config, now }, routes, baseUrl }: Frame): RouteFacts {
  return {
    routes,
    now: now(),
    environment: config.CLINIC_ENV,
    baseUrl,
    limits: {
      requestsPerToken: config.TOKEN_REQUESTS_PER_MINUTE,
      requestsPerIntegration: config.INTEGRATION_REQUESTS_PER_MINUTE,
    },
  };
}

/** A cursor belongs to the integration, whichever of its tokens asked; a person's to the person. */
const holderOf = ({ caller }: RequestScope): string =>
  caller.kind === 'integration' ? caller.integrationId : actorOf(caller);

/** What leaves is what the contract says: a value the DTO does not know is our fault and never goes out. */
function proveAnswer(route: Route, { status, body }: RouteAnswer): unknown {
  const dto = route.answers[status];
  const proof = dto?.safeParse(body);
  if (proof?.success === true) return proof.data;
  const places = proof?.error.issues.map(({ path, code }) => `${path.join('.')} ${code}`).join(', ');
  throw new Error(
    `${route.method} ${route.path} made a ${status} that its contract does not know: ${places ?? 'no DTO'}`,
  );
}

/** What runs is counted where it runs; a use that is refused here is counted all the same: who still comes must be told. */
function judgeDeprecation(frame: Frame, { deprecation }: Route, request: FastifyRequest, reply: FastifyReply): void {
  if (deprecation === undefined) return;
  writeDeprecation(reply, deprecation);
  const { services } = frame;
  if (services.now() < deprecation.sunset) return;
  const { caller, operation } = request.restAdmission ?? {};
  if (caller?.kind === 'integration' && operation !== undefined) {
    services.noteUse({ integrationId: caller.integrationId, tokenId: caller.tokenId, operation });
  }
  throw new DomainError('VERSION_RETIRED');
}

function refuse(frame: Frame, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(fromFramework(thrown) ?? thrown);
  const { services } = frame;
  if (refusal.code === 'INTERNAL') {
    services.log.error(
      { requestId: request.id, route: request.routeOptions.url, err: refusal.cause },
      'request.failed',
    );
  }
  const admission = request.restAdmission;
  if (admission !== undefined) {
    admission.problem = refusal.code;
    reportRefusedWrite(services, admission, request.id, refusal);
  }
  return writeProblem(reply, refusal, frame.baseUrl);
}
