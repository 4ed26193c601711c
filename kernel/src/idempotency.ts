import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { sql } from 'drizzle-orm';
import { actorOf, type Context } from './context.ts';
import type { Tx } from './database.ts';
import { DomainError } from './errors.ts';

export interface IdempotentRequest {
  /** The operation's name, for example `confirmPayment`; belongs to the fingerprint. */
  readonly operation: string;
  /** 1 to 255 characters, chosen by the caller; valid inside the caller's integration (or for the clinic user). */
  readonly key: string;
  /** The parsed input, everything but the key. */
  readonly input: unknown;
}

/** What {@link beginIdempotentRequest} found; `begun` is what {@link finishIdempotentRequest} asks for. */
export type IdempotencyVerdict<Outcome> =
  | { readonly kind: 'fresh'; readonly begun: BegunRequest }
  | { readonly kind: 'replay'; readonly outcome: Outcome };

/** A key that this transaction holds. */
export interface BegunRequest {
  readonly principal: string;
  readonly key: string;
}

/**
 * Takes an idempotency key for this transaction. Whoever else comes with it waits, up to two seconds, until the
 * transaction has ended; rolling back frees the key. `replay` carries what {@link finishIdempotentRequest} stored.
 *
 * Throws IDEMPOTENCY_KEY_REUSED when the key belongs to other content, IDEMPOTENCY_IN_PROGRESS when the first request is
 * still running after two seconds. The stored outcome is the domain's, not an answer's bytes, and is kept for 30 days;
 * the type parameter is the caller's word for what it stored itself.
 */
export async function beginIdempotentRequest<Outcome>(
  tx: Tx,
  ctx: Context,
  request: IdempotentRequest,
): Promise<IdempotencyVerdict<Outcome>> {
  const principal = principalOf(ctx);
  const [row] = await tx.execute<{ verdict: string; outcome: Outcome }>(sql`
    select verdict, outcome from idempotency.begin(${principal}, ${request.key}, ${request.operation},
      ${fingerprintOf(request)}, ${ctx.requestId})`);
  switch (row?.verdict) {
    case 'fresh':
      return { kind: 'fresh', begun: { principal, key: request.key } };
    case 'replay':
      return { kind: 'replay', outcome: row.outcome };
    case 'reused':
      throw new DomainError('IDEMPOTENCY_KEY_REUSED');
    case 'in-progress':
      throw new DomainError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 });
    default:
      throw new Error(`idempotency.begin answered ${row?.verdict}.`);
  }
}

/** Stores the outcome in the same transaction. A transaction that began a key and does not finish it cannot commit. */
export async function finishIdempotentRequest(tx: Tx, begun: BegunRequest, outcome: unknown): Promise<void> {
  await tx.execute(sql`
    select idempotency.finish(${begun.principal}, ${begun.key}, ${JSON.stringify(outcome)}::text::jsonb)`);
}

/** SHA-256 hex of operation | JCS(input), so that the order of members does not make another request of it. */
export function fingerprintOf({ operation, input }: Pick<IdempotentRequest, 'operation' | 'input'>): string {
  return createHash('sha256')
    .update(`${operation}|${canonicalize(input) ?? 'null'}`)
    .digest('hex');
}

const principalOf = ({ caller }: Context): string =>
  caller.kind === 'integration' ? caller.integrationId : actorOf(caller);
