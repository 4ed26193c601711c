import type { GatewayConfig } from '@bridgework/kernel/config';
import type { ErrorCode } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { FastifyRequest } from 'fastify';
import type { RequestScope } from './graph/execute.ts';
import type { CallOperation } from './operations.ts';

/** A refused request, to be audited by the registry. */
export interface Refusal {
  readonly requestId: string;
  readonly caller: SignedCaller;
  /** `noun.verb`: `document.execute`, `request.refuse`, `payment.confirm` … */
  readonly action: string;
  /** What was asked for: `document`, `operation`, `route`. */
  readonly entity: string;
  readonly entityId: string | null;
  readonly code: ErrorCode;
  /** Without personal data. */
  readonly message: string;
}

/** What routes are built from: the GraphQL routes and the REST facade get the same. */
export interface GatewayServices {
  readonly config: GatewayConfig;
  readonly now: () => Date;
  readonly log: Logger;
  /**
   * Gives a request its identity, one generation and its deadline. Throws MISSING_TOKEN, INVALID_TOKEN,
   * WRONG_ENVIRONMENT, INTEGRATION_PAUSED, REVIEW_OVERDUE or TEMPORARILY_UNAVAILABLE; refusals are reported here.
   */
  readonly authenticate: (request: FastifyRequest) => Promise<RequestScope>;
  readonly callOperation: CallOperation;
  /**
   * The scope decision of {@link callOperation} alone, so that REST can refuse a caller before it reads the body. Throws
   * INSUFFICIENT_SCOPE (with `members.scope`) or FORBIDDEN; reported for audit as there.
   */
  readonly authorizeOperation: (name: string, request: RequestScope) => void;
  /** For refusals that only the route can see, for example a malformed write. Refusals of authenticate and callOperation are reported already. */
  readonly reportRefusal: (refusal: Refusal) => void;
}
