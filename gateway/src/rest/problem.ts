import { DomainError, ERRORS, type ErrorCode, type FieldError, slugOf } from '@bridgework/kernel/errors';

/** Media type of every refusal. @see RFC 9457 */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';
export const PROBLEMS_PATH = '/api/v1/problems';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance: string;
  readonly request_id: string;
  readonly errors?: readonly FieldError[];
  /** Members of one problem type, for example `balance_minor`. */
  readonly [member: string]: unknown;
}

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/**
 * How a refusal looks in REST. `baseUrl` is the public origin, or '' when none is configured: the type is then a
 * reference relative to the request, which RFC 9457 allows.
 */
export function toProblem(error: DomainError, request: { requestId: string; baseUrl: string }): ProblemAnswer {
  const { status, title } = ERRORS[error.code];
  const { detail, errors, members, retryAfterSeconds } = error.details;
  return {
    status,
    headers: {
      ...challengeOf(error),
      ...(retryAfterSeconds === undefined && status !== 429 && status !== 503
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds ?? 1))) }),
    },
    body: {
      // First, so that no member of a problem type can pose as one of the standard members below.
      ...members,
      type: typeUrl(error.code, request.baseUrl),
      title,
      status,
      ...(detail === undefined || detail === title ? {} : { detail }),
      instance: `urn:request:${request.requestId}`,
      request_id: request.requestId,
      ...(errors === undefined ? {} : { errors }),
    },
  };
}

/** The refusal a caller is shown for whatever was thrown; anything that is not ours becomes INTERNAL, without its words. */
export const refusalOf = (thrown: unknown): DomainError =>
  thrown instanceof DomainError ? thrown : new DomainError('INTERNAL', { cause: thrown });

export const typeUrl = (code: ErrorCode, baseUrl: string): string => `${baseUrl}${PROBLEMS_PATH}/${slugOf(code)}`;

/** The bearer challenge (RFC 6750): the same for every token we do not take, so that it tells nothing about one. */
function challengeOf(error: DomainError): Record<string, string> {
  switch (error.code) {
    case 'MISSING_TOKEN':
      return { 'www-authenticate': 'Bearer' };
    case 'INVALID_TOKEN':
    case 'WRONG_ENVIRONMENT':
      return { 'www-authenticate': 'Bearer error="invalid_token"' };
    case 'INSUFFICIENT_SCOPE': {
      const scope = error.details.members?.scope;
      const named = typeof scope === 'string' && /^[\x21\x23-\x5b\x5d-\x7e ]+$/.test(scope) ? `, scope="${scope}"` : '';
      return { 'www-authenticate': `Bearer error="insufficient_scope"${named}` };
    }
    default:
      return {};
  }
}
