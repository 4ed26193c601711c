import type { DomainError, ErrorCode } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestScope } from '../graph/execute.ts';
import type { GatewayServices } from '../services.ts';
import type { Route } from './route.ts';

/** What the frame has learned of a request on its way to the answer. */
export interface Admission {
  readonly route: Route;
  /** Known before the quota is asked. */
  caller?: SignedCaller;
  scope?: RequestScope;
  problem?: ErrorCode;
  /** The registered operation that this caller's request runs. */
  operation?: string;
  /** From here on the subgraph writes the audit rows. */
  operationRuns: boolean;
}

/** For the integration's own list; what comes without a token that we know is nobody's. */
export function noteRequest(
  services: GatewayServices,
  admission: Admission | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (admission?.caller?.kind !== 'integration') return;
  const durationMs = Math.round(reply.elapsedTime);
  services.noteRequest({
    requestId: request.id,
    tokenId: admission.caller.tokenId,
    method: request.method,
    route: admission.route.path,
    status: reply.statusCode,
    problem: admission.problem ?? null,
    receivedAt: new Date(services.now().getTime() - durationMs),
    durationMs,
  });
}

/** Every external write is audited, also one that never reached its subgraph; wrong identities were reported already. */
export function reportRefusedWrite(
  services: GatewayServices,
  admission: Admission,
  requestId: string,
  refusal: DomainError,
): void {
  const { route, scope, operationRuns } = admission;
  const reportedAlready = refusal.code === 'INSUFFICIENT_SCOPE' || refusal.code === 'FORBIDDEN';
  if (route.action === undefined || scope === undefined || operationRuns || reportedAlready) return;
  const places = (refusal.details.errors ?? []).map(({ pointer, code }) => {
    // A key that no contract knows may be anything; who sent it is told of it, and nobody else.
    const place = code === 'unknown-field' ? pointer.replace(/\/[^/]*$/, '') : pointer;
    return `${code} at ${place || 'the root'}`;
  });
  services.reportRefusal({
    requestId,
    caller: scope.caller,
    action: route.action,
    entity: 'route',
    entityId: `${route.method} ${route.path}`,
    code: refusal.code,
    message: [refusal.code, ...places].join(', '),
  });
}
