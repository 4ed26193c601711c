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
  const { integrationId, terminalId, terminalTxnId } = key;
  await tx.execute(sql`select billing.lock_terminal_transaction(${integrationId}, ${terminalId}, ${terminalTxnId})`);
}
