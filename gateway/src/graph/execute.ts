import type { SignedCaller } from '@bridgework/kernel/signed-caller';

/** What one request carries through the gateway. It sees one generation of tokens and documents from start to end. */
export interface RequestScope {
  /** `req_…`, given to the caller as `Request-Id` and passed to the subgraphs. */
  readonly requestId: string;
  readonly caller: SignedCaller;
  /** The control generation by which this request was admitted. */
  readonly generation: number;
  /** Aborted at the request's deadline (5 s) and when the caller went away from a query. */
  readonly signal: AbortSignal;
  readonly traceparent?: string;
  readonly acceptLanguage?: string;
}
