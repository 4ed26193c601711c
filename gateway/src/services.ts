import type { GatewayConfig } from '@bridgework/kernel/config';
import type { Logger } from '@bridgework/kernel/logger';
import type { FastifyRequest } from 'fastify';
import type { Recognised } from './admit-request.ts';
import type { SeenRequest } from './control/seen-requests.ts';
import type { Refusal, Use } from './control/spool.ts';
import type { RequestScope } from './graph/execute.ts';
import type { CallOperation } from './operations.ts';

/** What routes are built from: the GraphQL routes and the REST facade get the same. */
export interface GatewayServices {
  readonly config: GatewayConfig;
  readonly now: () => Date;
  readonly log: Logger;
  /**
   * Gives a request its identity, one generation and its deadline. Throws MISSING_TOKEN, INVALID_TOKEN,
   * WRONG_ENVIRONMENT, INTEGRATION_PAUSED, REVIEW_OVERDUE, QUOTA_EXCEEDED or TEMPORARILY_UNAVAILABLE; refusals are reported here.
   * `recognised` is told who it is before the quota is asked.
   */
  readonly authenticate: (request: FastifyRequest, recognised?: Recognised) => Promise<RequestScope>;
  /**
   * Decides whether the request's caller may run an operation of the product, before its input is read: throws
   * INSUFFICIENT_SCOPE or FORBIDDEN, which are reported here. callOperation decides again.
   */
  readonly authorizeOperation: (name: string, request: RequestScope) => void;
  readonly callOperation: CallOperation;
  /** For refusals that only the route can see, for example a malformed write. Refusals of authenticate and callOperation are reported already. */
  readonly reportRefusal: (refusal: Refusal) => void;
  /** Counts a use that runs nothing: who still calls what is past its sunset. */
  readonly noteUse: (use: Use) => void;
  /** For the list that integrations have of their own requests. */
  readonly noteRequest: (request: SeenRequest) => void;
}
