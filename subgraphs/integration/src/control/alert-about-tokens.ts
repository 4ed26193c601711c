import { raiseAlert } from '@bridgework/kernel/alerts';
import type { Tx } from '@bridgework/kernel/database';
import type { ControlReport } from '@bridgework/schema';

type Refusal = ControlReport['refusals'][number];

/** So many requests with bad tokens in one report are no typing mistake: a gateway sums them up by the minute. */
const FLOOD = 100;

/**
 * Tells the managers of bad tokens: once an hour that they come in numbers, from however many sources and gateways, and
 * once an hour that tokens of the other environment are used here.
 */
export async function alertAboutTokens(tx: Tx, refusals: readonly Refusal[]): Promise<void> {
  const ofTokens = refusals.filter(({ action, entity }) => action === 'request.refuse' && entity === 'token');
  const misplaced = ofTokens.find(({ code }) => code === 'WRONG_ENVIRONMENT');
  if (misplaced !== undefined) {
    await raiseAlert(tx, {
      kind: 'token.misplaced',
      entity: 'token',
      entityId: 'environment',
      detail: `A token of the other environment was used here (${misplaced.message}, ${misplaced.actor}). Find out who holds it, and revoke it where it belongs.`,
    });
  }
  const count = ofTokens.reduce((total, one) => total + one.count, 0);
  if (count < FLOOD) return;
  const [most] = ofTokens.toSorted((left, right) => right.count - left.count);
  await raiseAlert(tx, {
    kind: 'token.flooded',
    entity: 'token',
    entityId: 'all',
    detail: `${count} requests within a minute came with tokens that are not good, ${most?.count} of them from ${most?.actor} (${most?.code}). They were refused; the audit log has their sums.`,
  });
}
