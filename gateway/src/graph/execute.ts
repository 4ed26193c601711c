import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { DocumentRequirement } from '@bridgework/schema';
import type { DocumentNode, ExecutionResult } from 'graphql';

/** A document that was validated against the graph and planned. One operation. */
export interface ExecutableDocument {
  /** `sha256:…`; the product's own documents have an id too, but nobody can call them by it. */
  readonly id: string;
  readonly text: string;
  readonly document: DocumentNode;
  readonly operationName: string;
  readonly operation: 'query' | 'mutation';
  readonly requirement: DocumentRequirement;
}

/** What one request carries through the gateway. It sees one generation of tokens and documents from start to end. */
export interface RequestScope {
  /** `req_…`, given to the caller as `Request-Id` and passed to the subgraphs. */
  readonly requestId: string;
  readonly caller: SignedCaller;
  /** The control generation by which this request was admitted. */
  readonly generation: number;
  /** Aborted at the request's deadline: 5 s, 15 s for one with a large body. */
  readonly signal: AbortSignal;
  /** A large body (imports, document sets): each subgraph call may take as long as the request. Default false. */
  readonly isBulk?: boolean;
  readonly traceparent?: string;
  readonly acceptLanguage?: string;
}

/**
 * Runs a document as the request's caller; never throws. Whoever calls it has judged the document first
 * ({@link import('../documents/judge-document.ts')}). Errors are ready to be shown: masked unless they are ours.
 */
export type Execute = (
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  request: RequestScope,
) => Promise<ExecutionResult<Record<string, unknown>>>;
