import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { declaredApis, eventTypes, idempotencyKey, imageHosts, parseInput, prose, scopes } from '../input.ts';
import { createOnce } from '../manager-step.ts';
import { secretsOf } from '../secrets.ts';
import { DOCUMENT_POLICIES, integrations } from '../tables.ts';
import { integrationById } from './find-integrations.ts';
import { demandFreeName, type Integration, toIntegration } from './integration.ts';

/** What a manager says of an integration; the five governance fields may wait until it is submitted. */
export const integrationFields = {
  name: prose(100),
  purpose: prose(1_000),
  businessJustification: prose(4_000).optional(),
  dataScope: prose(4_000).optional(),
  riskAssessment: prose(4_000).optional(),
  internalOwner: prose(200).optional(),
  reviewIntervalMonths: z.int().min(1).max(24).optional(),
  requestedScopes: scopes,
  declaredApis,
  declaredEvents: eventTypes,
  adHoc: z.boolean(),
  documentPolicy: z.enum(DOCUMENT_POLICIES),
  allowedImageHosts: imageHosts,
};

const RegisterIntegration = z.object({
  input: z.strictObject({
    ...integrationFields,
    declaredApis: declaredApis.default([]),
    declaredEvents: eventTypes.default([]),
    adHoc: z.boolean().default(false),
    documentPolicy: z.enum(DOCUMENT_POLICIES).default('MANUAL'),
    allowedImageHosts: imageHosts.default([]),
  }),
  idempotencyKey,
});

/**
 * Enters an integration into the register, as a draft.
 *
 * Throws VALIDATION_FAILED, CONFLICT when the name is taken, IDEMPOTENCY_KEY_REUSED.
 */
export async function registerIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { input, idempotencyKey } = parseInput(RegisterIntegration, args);
  demandSandbox(ctx, input.adHoc);
  return createOnce(
    ctx,
    { action: 'integration.register', entity: 'integration' },
    { operation: 'registerIntegration', idempotencyKey, input },
    async (tx, manager) => {
      await demandFreeName(tx, input.name);
      const { reviewIntervalMonths, ...fields } = input;
      const [row] = await tx
        .insert(integrations)
        .values({ ...fields, reviewEveryMonths: reviewIntervalMonths, createdBy: actorOf(manager) })
        .returning();
      if (row === undefined) throw new Error('An insert returned nothing.');
      return { id: row.id, integrationId: row.id, result: toIntegration(ctx, row) };
    },
    (tx, id) => integrationById(ctx, tx, id),
  );
}

/** Query text from a partner belongs to the sandbox. Throws VALIDATION_FAILED. */
export function demandSandbox(ctx: Context, adHoc: boolean | undefined): void {
  if (adHoc !== true || secretsOf(ctx).environment === 'sandbox') return;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [{ pointer: '/input/adHoc', code: 'sandbox-only', detail: 'Query text is taken in the sandbox only.' }],
  });
}
