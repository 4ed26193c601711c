import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticate } from './authenticate.ts';
import type { Generation } from './control/generation.ts';
import type { Registry } from './control/registry.ts';
import type { RequestScope } from './graph/execute.ts';
import { type AllowanceState, exceeded, type Quota } from './quota/quota.ts';

const DEADLINE_MS = 5000;
/** Bodies that need more than {@link ORDINARY_BODY_BYTES}: imports and document sets. */
const BULK_DEADLINE_MS = 15_000;
export const ORDINARY_BODY_BYTES = 64 * 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /** What is left of its sender's allowances, for the answer's headers. */
    quotaStates: readonly AllowanceState[] | undefined;
  }
}

/** A request that was let in: who asks, under which generation, until when. */
export interface Admission {
  readonly scope: RequestScope;
  readonly generation: Generation;
  readonly adHoc: boolean;
}

/** Told who a request is of, also when it is then refused for its quota. */
export type Recognised = (caller: SignedCaller) => void;

export type AdmitRequest = (request: FastifyRequest, recognised?: Recognised) => Promise<Admission>;

/** Gives each request its generation, identity and deadline. */
export function createAdmitRequest(
  app: FastifyInstance,
  registry: Pick<Registry, 'current'>,
  authenticate: Authenticate,
  quota: Quota,
): AdmitRequest {
  app.decorateRequest('quotaStates', undefined);
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.quotaStates !== undefined) reply.headers(quotaHeaders(request.quotaStates));
    done(null, payload);
  });
  return async (request, recognised) => {
    const generation = registry.current();
    if (generation === undefined) {
      throw new DomainError('TEMPORARILY_UNAVAILABLE', {
        detail: 'The registry is away; try again.',
        retryAfterSeconds: 2,
      });
    }
    const { authorization } = request.headers;
    const identity = await authenticate({ requestId: request.id, authorization, address: request.ip }, generation);
    recognised?.(identity.caller);
    const states = await quota.admit(identity.caller);
    if (states.length > 0) request.quotaStates = states;
    const spent = states.find(({ granted }) => !granted);
    if (spent !== undefined) throw exceeded(spent);
    const isBulk = Number(request.headers['content-length'] ?? 0) > ORDINARY_BODY_BYTES;
    const traceparent = TRACEPARENT.exec(oneOf(request.headers.traceparent))?.[0];
    const acceptLanguage = LANGUAGES.exec(oneOf(request.headers['accept-language']))?.[0];
    const scope: RequestScope = {
      requestId: request.id,
      caller: identity.caller,
      generation: generation.number,
      deadline: performance.now() + (isBulk ? BULK_DEADLINE_MS : DEADLINE_MS),
      isBulk,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(acceptLanguage === undefined ? {} : { acceptLanguage }),
    };
    return { scope, generation, adHoc: identity.adHoc };
  };
}

/** @see draft-ietf-httpapi-ratelimit-headers */
const quotaHeaders = (states: readonly AllowanceState[]) => ({
  'ratelimit-policy': states.map(({ allowance, limit }) => `"${allowance}";q=${limit};w=60`).join(', '),
  ratelimit: states
    .map(({ allowance, remaining, resetSeconds }) => `"${allowance}";r=${remaining};t=${resetSeconds}`)
    .join(', '),
});

/** What is passed on to the subgraphs is passed on only in its own shape. @see W3C Trace Context, RFC 9110 12.5.4 */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const LANGUAGES = /^[A-Za-z0-9*,;=. -]{1,200}$/;

const oneOf = (header: string | string[] | undefined): string =>
  Array.isArray(header) ? (header[0] ?? '') : (header ?? '');
