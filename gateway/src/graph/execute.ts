import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { DocumentRequirement } from '@bridgework/schema';
import type { DocumentNode, GraphQLError } from 'graphql';
import type { TextBody } from './text-body.ts';

/** A document that was validated against the graph and planned. One operation. */
export interface ExecutableDocument {
  /** `sha256:…`; the product's own documents have an id too, but nobody can call them by it. */
  readonly id: string;
  readonly text: string;
  readonly document: DocumentNode;
  readonly operationName: string;
  readonly operation: 'query' | 'mutation';
  readonly requirement: DocumentRequirement;
  /** It selects a field marked `@audited`: each execution leaves a trace of its own and none is shared. */
  readonly audited: boolean;
}

/** What one request carries through the gateway. It sees one generation of tokens and documents from start to end. */
export interface RequestScope {
  /** `req_…`, given to the caller as `Request-Id` and passed to the subgraphs. */
  readonly requestId: string;
  readonly caller: SignedCaller;
  /** The control generation by which this request was admitted. */
  readonly generation: number;
  /** When it is given up, in ms on the clock of `performance.now()`: after 5 s, 15 s with a large body. */
  readonly deadline: number;
  /** A large body (imports, document sets): each subgraph call may take as long as the request. Default false. */
  readonly isBulk?: boolean;
  readonly traceparent?: string;
  readonly acceptLanguage?: string;
}

/** What may be shown of an execution: the whole answer, `{"data":…}`, or its errors. */
export type Executed =
  | { readonly body: TextBody; readonly errors?: undefined }
  | {
      readonly body?: undefined;
      readonly data: Record<string, unknown> | null;
      readonly errors: readonly GraphQLError[];
    };

/**
 * Runs a document as the request's caller; never throws. Whoever calls it has judged the document first
 * ({@link import('../documents/judge-document.ts')}). Errors are ready to be shown: masked unless they are ours.
 */
export type Execute = (
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  request: RequestScope,
) => Promise<Executed>;
