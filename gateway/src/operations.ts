import type { RequestScope } from './graph/execute.ts';

/**
 * Runs an operation of the product's own set (`schema/operations/rest-v1`) as the request's caller: the same scope
 * decision, limits, execution and audit as a persisted query. `name` is the operation's name, `AppointmentsV1`.
 *
 * Answers the whole `data` or throws a DomainError: INSUFFICIENT_SCOPE (with `members.scope`), FORBIDDEN,
 * LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE (a subgraph is away; for writes also when the registry is), whatever the
 * domain refused with, or INTERNAL. It never answers with a hole. A refusal for want of a scope is reported for audit here.
 */
export type CallOperation = (
  name: string,
  variables: Record<string, unknown>,
  request: RequestScope,
) => Promise<Record<string, unknown>>;
