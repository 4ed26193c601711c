import { sealAuditEntries } from '@bridgework/kernel/audit-seals';
import type { Context } from '@bridgework/kernel/context';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 100;
const MAX_ENTRIES = 1_000;

/** Chains the audit log a moment after it is written: in the transaction itself, a chain would make writers queue. */
export function startSealer(ctx: Context): Repeating {
  return repeat('audit.seal', ctx.log, async () =>
    (await sealAuditEntries(ctx.db, MAX_ENTRIES)) === MAX_ENTRIES ? 0 : EVERY_MS,
  );
}
