import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError, type FieldError } from '@bridgework/kernel/errors';
import type { Id } from '@bridgework/kernel/ids';
import { type Environment, SCOPES, type Scope } from '@bridgework/schema';
import { eq, sql } from 'drizzle-orm';
import { secretsOf } from '../secrets.ts';
import { integrations } from '../tables.ts';

export type IntegrationRow = typeof integrations.$inferSelect;
export type IntegrationStatus = IntegrationRow['status'];

/** An integration as the graph shows it. `key` stays inside. */
export interface Integration {
  readonly key: number;
  readonly id: Id<'int'>;
  readonly name: string;
  readonly environment: Uppercase<Environment>;
  readonly purpose: string;
  readonly status: IntegrationStatus;
  readonly businessJustification: string | null;
  readonly dataScope: string | null;
  readonly riskAssessment: string | null;
  readonly internalOwner: string | null;
  readonly reviewIntervalMonths: number | null;
  /** A day, `2026-03-01`. */
  readonly reviewDueOn: string | null;
  readonly requestedScopes: readonly Scope[];
  readonly approvedScopes: readonly Scope[];
  readonly declaredApis: readonly string[];
  readonly declaredEvents: readonly string[];
  readonly adHoc: boolean;
  readonly documentPolicy: IntegrationRow['documentPolicy'];
  readonly allowedImageHosts: readonly string[];
  readonly statusReason: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly editedBy: readonly string[];
  readonly submittedBy: string | null;
  readonly decidedBy: string | null;
  readonly reviewedBy: string | null;
  readonly reviewedAt: Date | null;
  readonly reviewNote: string | null;
  readonly updatedAt: Date;
}

export function toIntegration(ctx: Context, row: IntegrationRow): Integration {
  return {
    key: row.key,
    id: row.id as Id<'int'>,
    name: row.name,
    environment: secretsOf(ctx).environment.toUpperCase() as Uppercase<Environment>,
    purpose: row.purpose,
    status: row.status,
    businessJustification: row.businessJustification,
    dataScope: row.dataScope,
    riskAssessment: row.riskAssessment,
    internalOwner: row.internalOwner,
    reviewIntervalMonths: row.reviewEveryMonths,
    reviewDueOn: row.reviewDueOn,
    // The database's CHECK knows the same scopes.
    requestedScopes: row.requestedScopes as Scope[],
    approvedScopes: row.approvedScopes as Scope[],
    declaredApis: row.declaredApis,
    declaredEvents: row.declaredEvents,
    adHoc: row.adHoc,
    documentPolicy: row.documentPolicy,
    allowedImageHosts: row.allowedImageHosts,
    statusReason: statusReasonOf(row),
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    editedBy: row.editedBy,
    submittedBy: row.submittedBy,
    decidedBy: row.decidedBy,
    reviewedBy: row.reviewedBy,
    reviewedAt: row.reviewedAt,
    reviewNote: row.reviewNote,
    updatedAt: row.updatedAt,
  };
}

function statusReasonOf(row: IntegrationRow): string | null {
  switch (row.status) {
    case 'PAUSED':
      return row.pauseReason;
    case 'DEPRECATED':
      return row.endReason;
    case 'REJECTED':
      return row.decisionReason;
    default:
      return null;
  }
}

const GOVERNANCE = {
  businessJustification: 'Say why the clinic needs it.',
  dataScope: 'Say which data it touches.',
  riskAssessment: 'Say what could go wrong.',
  internalOwner: 'Say who answers for it in the clinic.',
  reviewEveryMonths: 'Say after how many months it is reviewed.',
} as const satisfies Partial<Record<keyof IntegrationRow, string>>;

/**
 * The governance fields that are still empty; none of them may be when somebody is asked to approve.
 *
 * @see docs/rules.md#approval-process
 */
export function findMissingGovernance(row: Pick<IntegrationRow, keyof typeof GOVERNANCE>): FieldError[] {
  return (Object.keys(GOVERNANCE) as (keyof typeof GOVERNANCE)[])
    .filter((field) => row[field] === null || row[field] === '')
    .map((field) => ({
      pointer: `/${field === 'reviewEveryMonths' ? 'reviewIntervalMonths' : field}`,
      code: 'missing',
      detail: GOVERNANCE[field],
    }));
}

/** Throws CONFLICT unless the integration is in one of these states. */
export function demandStatus(row: Pick<IntegrationRow, 'status'>, allowed: readonly IntegrationStatus[]): void {
  if (allowed.includes(row.status)) return;
  throw new DomainError('CONFLICT', {
    detail: `The integration is ${row.status}; this needs ${allowed.join(' or ')}.`,
    members: { status: row.status },
  });
}

export const isSensitive = (scope: Scope): boolean => SCOPES[scope].sensitive;

/** The day a review falls due, counted in UTC months from `from`; the 31st becomes the last day of a shorter month. */
export function reviewDayAfter(from: Date, months: number): string {
  const year = from.getUTCFullYear();
  const month = from.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month, Math.min(from.getUTCDate(), lastDay))).toISOString().slice(0, 10);
}

/** Throws CONFLICT when another integration has this name. Whoever wants the same name meanwhile waits. */
export async function demandFreeName(tx: Tx, name: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`integration name ${name}`}, 0))`);
  const taken = await tx.select({ id: integrations.id }).from(integrations).where(eq(integrations.name, name));
  if (taken.length > 0) throw new DomainError('CONFLICT', { detail: 'Another integration has this name.' });
}
