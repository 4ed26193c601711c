import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import type { Scope } from '@bridgework/schema';
import { visibleIntegration } from '../integrations/find-integrations.ts';
import type { Integration } from '../integrations/integration.ts';
import { tokenById } from '../tokens/find-tokens.ts';

/** Who the caller is to this system. */
export interface Me {
  readonly kind: 'INTEGRATION' | 'USER';
  readonly integration: Integration | null;
  readonly tokenId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
  readonly reviewDueOn: string | null;
}

/** Throws FORBIDDEN for a caller that is neither a partner nor a person. */
export async function describeCaller(ctx: Context): Promise<Me> {
  const { caller } = ctx;
  if (caller.kind === 'user') {
    const { name, scopes } = caller;
    return { kind: 'USER', integration: null, tokenId: null, name, scopes, expiresAt: null, reviewDueOn: null };
  }
  if (caller.kind !== 'integration') throw new DomainError('FORBIDDEN');
  const [integration, token] = await Promise.all([
    visibleIntegration(ctx, caller.integrationId),
    tokenById(ctx.db, caller.tokenId),
  ]);
  return {
    kind: 'INTEGRATION',
    integration,
    tokenId: token.id,
    name: token.name,
    scopes: caller.scopes,
    expiresAt: token.expiresAt,
    reviewDueOn: integration?.reviewDueOn ?? null,
  };
}
