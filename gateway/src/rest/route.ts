import type { ErrorCode } from '@bridgework/kernel/errors';
import type { Scope } from '@bridgework/schema';
import type { z } from 'zod';
import type { CursorSeal } from './paging.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
export type RoutePath = `/api/v1/${string}` | `/api/v2/${string}`;

/** A part of the contract that is on its way out. @see RFC 9745, RFC 8594 */
export interface Deprecation {
  readonly since: Date;
  /** From then on the route answers 410 version-retired. */
  readonly sunset: Date;
  /** Where the change is explained. */
  readonly link: string;
  readonly successor?: RoutePath;
}

/** Only chooses; whether the caller may run it is decided where every operation is judged. */
export interface FullerOperation {
  readonly scope: Scope;
  readonly operation: string;
}

/** What a request brings, not read yet. */
export interface RawRequest {
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly idempotencyKey: string | readonly string[] | undefined;
  readonly ifMatch: string | undefined;
}

/** What the product can say of itself: for routes that tell about the API. */
export interface RouteFacts {
  readonly routes: readonly Route[];
  readonly now: Date;
  /** Of requests within a minute. */
  readonly limits: { readonly requestsPerToken: number; readonly requestsPerIntegration: number };
  readonly environment: string;
  /** Public origin, or '' when none is configured. */
  readonly baseUrl: string;
}

/** What a route is run with. */
export interface RouteSite {
  /** Runs the operation as the request's caller; throws a DomainError rather than answer with a hole. */
  readonly call: (variables: Record<string, unknown>) => Promise<Record<string, unknown>>;
  /** To whom a cursor belongs. */
  readonly holder: string;
  readonly cursors: CursorSeal;
  readonly facts: RouteFacts;
}

export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly replayed: boolean;
  /** Query of the next page. */
  readonly next?: string;
  /** Where the thing that was made can be read. */
  readonly location?: string;
  /** Instead of a body. */
  readonly file?: FileAnswer;
  /** Of something that is changed under If-Match. */
  readonly version?: number;
}

/** Bytes that were kept as they are. */
export interface FileAnswer {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly fileName: string;
  /** Of the bytes, in hex. */
  readonly sha256: string;
}

/** A page for people, and the one style sheet it may use. */
export interface HtmlPage {
  readonly html: string;
  /** `'sha256-…'` of each inline style sheet, for the content security policy. */
  readonly styleHashes: readonly string[];
}

/** A row of the route table: what OpenAPI tells, and how a request is answered. */
export interface Route {
  readonly method: Method;
  readonly path: RoutePath;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Name of the registered operation; without one the route is public and answers from the product itself. */
  readonly operation?: string;
  /** Run instead for a caller who holds this scope: the same route then shows more. */
  readonly fuller?: FullerOperation;
  readonly idempotent: boolean;
  /** A change that names the version it was made from. */
  readonly ifMatch: boolean;
  /** Shows something that is changed under If-Match: its answers carry the validator. */
  readonly versioned: boolean;
  /** Shows something of a patient: never stored by any cache. */
  readonly personalData: boolean;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly maxBodyBytes: number;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  /** Refusals of the operation's own, beyond those that every route can give. */
  readonly refusals: readonly ErrorCode[];
  /** What a refused write is called in the audit log. */
  readonly action?: string;
  readonly deprecation?: Deprecation;
  /** Its subgraph may take as long as the request: it draws pages. */
  readonly slow?: boolean;
  /** The media types of a route that answers with a file. */
  readonly download?: readonly string[];
  /** Given to who prefers HTML: a browser. `only` says that there is no JSON. */
  readonly page?: {
    readonly only: boolean;
    readonly write: (raw: RawRequest, facts: RouteFacts) => HtmlPage;
  };
  readonly answer: (raw: RawRequest, site: RouteSite) => Promise<RouteAnswer>;
}
