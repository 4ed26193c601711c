import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { demandAnotherPerson } from './manager-step.ts';
import { secretsOf } from './secrets.ts';

const DELAY_HOURS = 24;

/** Something that waits for a decision. */
export interface Asked {
  /** Everybody who has a part in it: asked for it, made it, wrote in it. */
  readonly by: readonly (string | null)[];
  readonly at: Date;
}

/**
 * Another person decides than those who asked. In a clinic with one manager (SINGLE_MANAGER) the same person may, 24
 * hours later and with a typed reason; the database judges it again by its own clock and alerts. Answers whether that
 * is the case.
 *
 * Throws FORBIDDEN for somebody who has a part in it, CONFLICT before the 24 hours are over, VALIDATION_FAILED without
 * a reason.
 *
 * @see docs/rules.md#approval-process
 */
export function demandDecider(ctx: Context, asked: Asked, note: string | undefined): boolean {
  const actor = actorOf(ctx.caller);
  if (!secretsOf(ctx).singleManager) demandAnotherPerson(actor, asked.by);
  if (!asked.by.includes(actor)) return false;
  const from = new Date(asked.at.getTime() + DELAY_HOURS * 3_600_000);
  if (ctx.now() < from) {
    throw new DomainError('CONFLICT', {
      detail: `A single manager decides ${DELAY_HOURS} hours after asking, from ${from.toISOString()} on.`,
      members: { not_before: from.toISOString() },
    });
  }
  if (note === undefined) {
    const detail = 'A single manager gives the reason in words.';
    throw new DomainError('VALIDATION_FAILED', { errors: [{ pointer: '/note', code: 'missing', detail }] });
  }
  return true;
}
