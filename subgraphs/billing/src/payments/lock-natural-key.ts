import type { Tx } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';

/** What names a capture for ever: whose terminal, which terminal, which of its transactions. */
export interface NaturalKey {
  readonly integrationId: string;
  readonly terminalId: string;
  readonly terminalTxnId: string;
}

/** Racing duplicates queue here until this transaction ends, and not on the unique index, where they would fail. */
export async function lockNaturalKey(tx: Tx, key: NaturalKey): Promise<void> {
  const text = JSON.stringify(['payment.confirm', key.integrationId, key.terminalId, key.terminalTxnId]);
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${text}, 0))`);
}
