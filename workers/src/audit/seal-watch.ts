import { raiseAlert } from '@bridgework/kernel/alerts';
import { readLongestWait } from '@bridgework/kernel/audit-seals';
import type { Context } from '@bridgework/kernel/context';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 1_000;
const LONGEST_WAIT_SECONDS = 2;

/**
 * Tells the managers when audit entries stay unsealed: until its seal an entry is protected by rights and triggers alone.
 * A sealer that fails or stands still, here or in another process, is noticed by whichever workers run.
 */
export function startSealWatch(ctx: Context): Repeating {
  return repeat('audit.watch', ctx.log, async () => {
    const waitedSeconds = await readLongestWait(ctx.db);
    if (waitedSeconds > LONGEST_WAIT_SECONDS) {
      await raiseAlert(ctx.db, {
        kind: 'audit.unsealed',
        entity: 'audit',
        entityId: 'log',
        detail: `Audit entries have waited ${Math.floor(waitedSeconds)} s for their seal. Look at the workers' log: audit.seal.`,
      });
    }
    return EVERY_MS;
  });
}
