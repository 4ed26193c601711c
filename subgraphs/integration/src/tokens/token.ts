import type { Context } from '@bridgework/kernel/context';
import { DomainError, type FieldError } from '@bridgework/kernel/errors';
import type { Id } from '@bridgework/kernel/ids';
import { type Environment, SCOPES, type Scope } from '@bridgework/schema';
import type { tokens } from '../tables.ts';

export type TokenRow = typeof tokens.$inferSelect;

/** A token as the graph shows it: everything but what would let somebody use it. */
export interface IntegrationToken {
  readonly key: number;
  readonly integrationKey: number;
  readonly id: Id<'tok'>;
  readonly integrationId: Id<'int'>;
  readonly name: string;
  readonly publicId: string;
  readonly scopes: readonly Scope[];
  readonly status: 'ACTIVE' | 'REVOKED';
  readonly environment: Uppercase<Environment>;
  readonly expiresAt: Date | null;
  readonly allowedCidrs: readonly string[];
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly rotatedFromKey: number | null;
}

export function toToken(row: Omit<TokenRow, 'secretHash' | 'pepperId'>, integrationId: string): IntegrationToken {
  return {
    key: row.key,
    integrationKey: row.integrationKey,
    id: row.id as Id<'tok'>,
    integrationId: integrationId as Id<'int'>,
    name: row.name,
    publicId: row.publicId,
    scopes: row.scopes as Scope[],
    status: row.status,
    environment: row.environment.toUpperCase() as Uppercase<Environment>,
    expiresAt: row.expiresAt,
    allowedCidrs: row.allowedCidrs,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    revokedAt: row.revokedAt,
    revokedBy: row.revokedBy,
    rotatedFromKey: row.rotatedFromKey,
  };
}

/** What was granted to an integration: scopes, and for the sensitive ones until when. */
export interface Grant {
  readonly approvedScopes: readonly Scope[];
  readonly expiries: ReadonlyMap<string, Date>;
}

/** True when a token may carry the scope today. */
export function isGranted(ctx: Context, grant: Grant, scope: Scope): boolean {
  if (!grant.approvedScopes.includes(scope)) return false;
  const until = grant.expiries.get(scope);
  return !SCOPES[scope].sensitive || (until !== undefined && until > ctx.now());
}

/**
 * Throws VALIDATION_FAILED naming each scope that was not approved and, for a sensitive scope, an expiry that is
 * missing, past, or later than the scope's own.
 *
 * @see docs/rules.md#least-privilege
 */
export function demandGranted(
  ctx: Context,
  grant: Grant,
  wanted: { readonly scopes: readonly Scope[]; readonly expiresAt: Date | null },
): void {
  const errors: FieldError[] = [];
  const { scopes, expiresAt } = wanted;
  for (const [at, scope] of scopes.entries()) {
    if (!grant.approvedScopes.includes(scope)) {
      errors.push(fault(`/input/scopes/${at}`, 'not-approved', `The integration was not granted ${scope}.`));
    } else if (SCOPES[scope].sensitive) {
      const until = grant.expiries.get(scope);
      if (until === undefined || until <= ctx.now()) {
        errors.push(fault(`/input/scopes/${at}`, 'grant-expired', `The approval of ${scope} has ended; ask again.`));
      } else if (expiresAt === null) {
        errors.push(fault('/input/expiresAt', 'missing', `A token with ${scope} needs an expiry.`));
      } else if (expiresAt > until) {
        errors.push(
          fault('/input/expiresAt', 'too-late', `${scope} was approved until ${until.toISOString()}, no longer.`),
        );
      }
    }
  }
  if (expiresAt !== null && expiresAt <= ctx.now()) {
    errors.push(fault('/input/expiresAt', 'past', 'A token has to expire in the future.'));
  }
  if (errors.length > 0) throw new DomainError('VALIDATION_FAILED', { errors });
}

const fault = (pointer: string, code: string, detail: string): FieldError => ({ pointer, code, detail });
