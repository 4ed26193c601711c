/**
 * The closed table of errors a caller can meet. The same code travels as `extensions.code` in GraphQL and as the problem
 * type's slug in REST (`invoice-already-paid`), so a partner learns it once. docs/errors.md is compared with this table.
 *
 * @see docs/errors.md
 * @see RFC 9457
 */
export interface ErrorDefinition {
  /** HTTP status of the whole answer. */
  readonly status: number;
  readonly title: string;
}

const define = (status: number, title: string): ErrorDefinition => ({ status, title });

export const ERRORS = {
  MALFORMED_JSON: define(400, 'The body is not valid JSON.'),
  UNKNOWN_FIELD: define(400, 'The request has a field or parameter that this operation does not know.'),
  VALIDATION_FAILED: define(400, 'The request does not match the contract.'),
  IDEMPOTENCY_KEY_MISSING: define(400, 'This operation needs an idempotency key.'),
  PERSISTED_DOCUMENT_REQUIRED: define(400, 'Partners call registered documents by id; query text is not accepted.'),
  GRAPHQL_VALIDATION_FAILED: define(400, 'The document is not valid against the graph.'),
  LIMIT_EXCEEDED: define(400, 'The document is larger than this environment allows.'),
  MISSING_TOKEN: define(401, 'The request carries no bearer token.'),
  INVALID_TOKEN: define(401, 'The token is not valid.'),
  WRONG_ENVIRONMENT: define(401, 'The token belongs to another environment.'),
  INSUFFICIENT_SCOPE: define(403, 'The token lacks a required scope.'),
  FORBIDDEN: define(403, 'This operation is for managers of the clinic.'),
  INTEGRATION_PAUSED: define(403, 'The integration is paused.'),
  REVIEW_OVERDUE: define(403, "The integration's review is overdue."),
  NOT_FOUND: define(404, 'There is no such thing, or it is not yours.'),
  PERSISTED_DOCUMENT_NOT_FOUND: define(404, 'No document is registered under this id.'),
  METHOD_NOT_ALLOWED: define(405, 'This path does not take this method.'),
  NOT_ACCEPTABLE: define(406, 'This API answers in JSON only.'),
  CONFLICT: define(409, 'The current state does not allow this.'),
  IDEMPOTENCY_IN_PROGRESS: define(409, 'A request with this idempotency key is still running.'),
  PERIOD_OPEN: define(409, 'The period is not closed yet.'),
  CLINIC_AUTHORITATIVE: define(409, "The clinic's own record differs and prevails."),
  SLOT_CONFLICT: define(409, 'The slot is taken.'),
  TRANSACTION_CONFLICT: define(409, 'This terminal transaction was already confirmed with other content.'),
  INVOICE_NOT_PAYABLE: define(409, 'The invoice cannot be paid in its current state.'),
  INVOICE_ALREADY_PAID: define(409, 'The invoice is already paid in full.'),
  DOCUMENT_RETIRED: define(410, 'The document was retired.'),
  VERSION_RETIRED: define(410, 'This version was retired.'),
  PRECONDITION_FAILED: define(412, 'The resource changed since it was read.'),
  PAYLOAD_TOO_LARGE: define(413, 'The body is too large.'),
  UNSUPPORTED_MEDIA_TYPE: define(415, 'The body must be application/json.'),
  IDEMPOTENCY_KEY_REUSED: define(422, 'This idempotency key was used with other content.'),
  CURRENCY_MISMATCH: define(422, "The currency is not the invoice's."),
  AMOUNT_EXCEEDS_BALANCE: define(422, 'The amount is larger than what is owed.'),
  CAPTURED_IN_FUTURE: define(422, 'The capture time lies in the future.'),
  CONFIRMATION_TOO_OLD: define(422, 'The capture is too old to be confirmed.'),
  SENSITIVE_DATA: define(422, 'The request contains a card number.'),
  PRECONDITION_REQUIRED: define(428, 'This change needs an If-Match header.'),
  QUOTA_EXCEEDED: define(429, 'Too many requests.'),
  INTERNAL: define(500, 'Something went wrong on our side.'),
  TEMPORARILY_UNAVAILABLE: define(503, 'A part of the system is away; try again.'),
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERRORS, value);

/** `INVOICE_ALREADY_PAID` → `invoice-already-paid`, the last segment of the problem type's URL. */
export const slugOf = (code: ErrorCode): string => code.toLowerCase().replaceAll('_', '-');

/** One fault inside a request: where it is (RFC 6901 JSON Pointer), which rule, what to do. */
export interface FieldError {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

export interface ErrorDetails {
  /** Shown to the caller: one sentence that says what to do. Never personal data, never another party's id. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Further members of the problem, for example `balance_minor` or `scope`. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
  /** This very refusal was given before, under the same idempotency key; REST says so by `Idempotent-Replayed`. */
  readonly replayed?: boolean;
  readonly cause?: unknown;
}

/** A refusal that the caller is meant to see. Anything else that is thrown is masked at the edge as INTERNAL. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(details.detail ?? ERRORS[code].title, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }
}

/**
 * How a refusal travels through GraphQL: `extensions` of the error. The gateway turns it back into a problem.
 * The inverse of {@link fromExtensions}.
 */
export function toExtensions(error: DomainError): Record<string, unknown> {
  const { errors, members, retryAfterSeconds, replayed } = error.details;
  return {
    code: error.code,
    ...(errors === undefined ? {} : { errors }),
    ...(members === undefined ? {} : { members }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(replayed === true ? { replayed } : {}),
  };
}

/** The refusal in an error's extensions, or undefined when they carry no code of our table. */
export function fromExtensions(
  message: string,
  extensions: Record<string, unknown> | undefined,
): DomainError | undefined {
  if (extensions === undefined || !isErrorCode(extensions.code)) return undefined;
  return new DomainError(extensions.code, {
    detail: message,
    ...(Array.isArray(extensions.errors) ? { errors: extensions.errors as FieldError[] } : {}),
    ...(isRecord(extensions.members) ? { members: extensions.members } : {}),
    ...(typeof extensions.retryAfterSeconds === 'number' ? { retryAfterSeconds: extensions.retryAfterSeconds } : {}),
    ...(extensions.replayed === true ? { replayed: true } : {}),
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
