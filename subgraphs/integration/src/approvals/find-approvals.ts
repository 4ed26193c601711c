import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { loadMany } from '@bridgework/kernel/loaders';
import { asc, eq, inArray } from 'drizzle-orm';
import { approvals } from '../tables.ts';

/** Something that was asked for an integration, as the graph shows it. */
export interface Approval {
  readonly integrationKey: number;
  readonly id: string;
  readonly kind: 'INTEGRATION' | 'SCOPE' | 'DOCUMENT_SET';
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'WITHDRAWN';
  readonly scope: string | null;
  readonly documentSetId: string | null;
  readonly justification: string;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  readonly decisionReason: string | null;
  readonly singleManager: boolean;
  readonly expiresAt: Date | null;
  readonly withdrawnBy: string | null;
  readonly withdrawnAt: Date | null;
}

const columns = {
  integrationKey: approvals.integrationKey,
  id: approvals.id,
  kind: approvals.kind,
  status: approvals.status,
  scope: approvals.scope,
  documentSetId: approvals.documentSetId,
  justification: approvals.justification,
  requestedBy: approvals.requestedBy,
  requestedAt: approvals.requestedAt,
  decidedBy: approvals.decidedBy,
  decidedAt: approvals.decidedAt,
  decisionReason: approvals.decisionReason,
  singleManager: approvals.singleManager,
  expiresAt: approvals.expiresAt,
  withdrawnBy: approvals.withdrawnBy,
  withdrawnAt: approvals.withdrawnAt,
};

/** Throws NOT_FOUND. */
export async function approvalById(tx: Tx, id: string): Promise<Approval> {
  const [row] = await tx.select(columns).from(approvals).where(eq(approvals.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

/** As {@link approvalById}; the row is held for the rest of the transaction. */
export async function lockApproval(tx: Tx, id: string): Promise<Approval> {
  const [row] = await tx.select(columns).from(approvals).where(eq(approvals.id, id)).for('update');
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

/** Everything that was asked for an integration and what became of it, oldest first. Batched. */
export const loadApprovals = loadMany(
  async (ctx: Context, keys: readonly number[]): Promise<readonly Approval[]> =>
    ctx.db
      .select(columns)
      .from(approvals)
      .where(inArray(approvals.integrationKey, [...keys]))
      .orderBy(asc(approvals.key)),
  (approval) => approval.integrationKey,
);
