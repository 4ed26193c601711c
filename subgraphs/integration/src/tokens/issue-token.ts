import { isIP } from 'node:net';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { generateIntegrationToken, hashIntegrationToken, readTokenPeppers } from '@bridgework/kernel/integration-token';
import { and, eq, max } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, instant, parseInput, prose, scopes } from '../input.ts';
import { lockIntegration } from '../integrations/find-integrations.ts';
import { demandStatus, type IntegrationRow, toIntegration } from '../integrations/integration.ts';
import { createOnce } from '../manager-step.ts';
import { secretsOf } from '../secrets.ts';
import { approvals, tokens } from '../tables.ts';
import { tokenById } from './find-tokens.ts';
import { demandGranted, type Grant, type IntegrationToken, type TokenRow, toToken } from './token.ts';

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. */
const cidr = z.string().refine((text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'is neither an address nor a range like 192.0.2.0/24');

const IssueToken = z.object({
  input: z.strictObject({
    integrationId: z.string(),
    name: prose(100),
    scopes: scopes.refine((list) => list.length > 0, 'names no scope'),
    expiresAt: instant.optional(),
    allowedCidrs: z.array(cidr).max(50).default([]),
  }),
  idempotencyKey,
});

export interface IssuedToken {
  readonly token: IntegrationToken;
  /** The whole token; null when this answer repeats an earlier one, because it is kept nowhere. */
  readonly secret: string | null;
}

/**
 * Issues a token of this deployment's environment within what was granted to an active integration.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT, IDEMPOTENCY_KEY_REUSED.
 */
export async function issueToken(ctx: Context, args: unknown): Promise<IssuedToken> {
  const { input, idempotencyKey } = parseInput(IssueToken, args);
  return createOnce<IssuedToken>(
    ctx,
    { action: 'token.issue', entity: 'token', integrationId: input.integrationId },
    { operation: 'issueToken', idempotencyKey, input },
    async (tx, manager) => {
      const integration = await lockIntegration(tx, input.integrationId);
      demandStatus(integration, ['ACTIVE']);
      const expiresAt = input.expiresAt ?? null;
      demandGranted(ctx, await readGrant(tx, ctx, integration), { ...input, expiresAt });
      const { name, scopes, allowedCidrs } = input;
      const wanted = { name, scopes, allowedCidrs, expiresAt, rotatedFromKey: null, createdBy: actorOf(manager) };
      const issued = await insertToken(tx, ctx, integration, wanted);
      return { id: issued.token.id, integrationId: integration.id, result: issued };
    },
    async (tx, id) => ({ token: await tokenById(tx, id), secret: null }),
  );
}

/** What a new token is to be; its secret and its environment are not for anybody to choose. */
export type WantedToken = Pick<
  TokenRow,
  'name' | 'scopes' | 'allowedCidrs' | 'expiresAt' | 'rotatedFromKey' | 'createdBy'
>;

/** Makes a token and stores its keyed hash; the text leaves with the answer and is kept nowhere. */
export async function insertToken(
  tx: Tx,
  ctx: Context,
  integration: IntegrationRow,
  wanted: WantedToken,
): Promise<IssuedToken> {
  const { environment, tokenPepper } = secretsOf(ctx);
  const secret = generateIntegrationToken(environment);
  const [row] = await tx
    .insert(tokens)
    .values({
      ...wanted,
      integrationKey: integration.key,
      publicId: secret.publicId,
      ...hashIntegrationToken(secret.text, readTokenPeppers(tokenPepper)),
      environment,
    })
    .returning();
  if (row === undefined) throw new Error('An insert returned nothing.');
  return { token: toToken(row, integration.id), secret: secret.text };
}

/** What an integration was granted; of several approvals of a sensitive scope the longest counts. */
export async function readGrant(tx: Tx, ctx: Context, integration: IntegrationRow): Promise<Grant> {
  const rows = await tx
    .select({ scope: approvals.scope, expiresAt: max(approvals.expiresAt) })
    .from(approvals)
    .where(
      and(eq(approvals.integrationKey, integration.key), eq(approvals.kind, 'SCOPE'), eq(approvals.status, 'APPROVED')),
    )
    .groupBy(approvals.scope);
  const expiries = rows.flatMap(({ scope, expiresAt }) =>
    scope === null || expiresAt === null ? [] : [[scope, expiresAt] as const],
  );
  return { approvedScopes: toIntegration(ctx, integration).approvedScopes, expiries: new Map(expiries) };
}
