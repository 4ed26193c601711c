import type { Context, IntegrationCaller } from '@bridgework/kernel/context';
import type { Sql } from 'postgres';
import { confirmPayment } from '../../../subgraphs/billing/src/payments/confirm-payment.ts';
import type { ConfirmPayment } from '../../../subgraphs/billing/src/payments/parse-confirmation.ts';
import type { ConfirmationOutcome } from '../../../subgraphs/billing/src/payments/receipt.ts';
import { type ClinicRows, draftInvoice } from '../../support/clinic-rows.ts';
import type { ConfirmStep, PlannedInvoice, Schedule, Step } from './plan-schedule.ts';

export interface Writers {
  readonly core: Sql;
  readonly clinic: ClinicRows;
  readonly terminals: readonly IntegrationCaller[];
  contextOf(caller: IntegrationCaller, now: Date): Context;
}

/** What a writer was told. */
export type Told = Answered | Closed | { readonly kind: 'cash'; readonly paid: boolean } | { readonly kind: 'moved' };

export interface Answered {
  readonly kind: 'answered';
  readonly integrationId: string;
  readonly idempotencyKey: string;
  readonly terminalTxnId: string;
  readonly requestId: string;
  readonly outcome: ConfirmationOutcome;
  readonly replayed: boolean;
}

/** What stood on a day when it was closed: what an export would say for ever. */
export interface Closed {
  readonly kind: 'closed';
  readonly day: string;
  readonly payments: number;
}

export interface Unexpected {
  readonly kind: 'unexpected';
  readonly seed: number;
  readonly step: Step;
  readonly error: unknown;
}

/** Makes the invoices, then begins every step at the same moment. */
export async function runSchedule(writers: Writers, schedule: Schedule): Promise<readonly (Told | Unexpected)[]> {
  const invoices: string[] = [];
  for (const planned of schedule.invoices) invoices.push(await makeInvoice(writers, planned));
  return Promise.all(
    schedule.steps.map((step) =>
      take(writers, schedule, invoices, step).catch(
        (error: unknown): Unexpected => ({ kind: 'unexpected', seed: schedule.seed, step, error }),
      ),
    ),
  );
}

async function makeInvoice({ core, clinic }: Writers, planned: PlannedInvoice): Promise<string> {
  const id = await draftInvoice(core, clinic, planned);
  if (planned.status !== 'DRAFT') await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
  if (planned.status === 'VOID') await core`update billing.invoices set status = 'VOID' where id = ${id}`;
  return id;
}

async function take(writers: Writers, schedule: Schedule, invoices: readonly string[], step: Step): Promise<Told> {
  switch (step.kind) {
    case 'confirm':
      return confirm(writers, schedule, step, step.invoice === null ? undefined : invoices[step.invoice]);
    case 'cash':
      return payCash(writers.core, invoices[step.invoice] ?? '', step.amountMinor, step.capturedAt);
    case 'close':
      return closeDay(writers.core, step.day);
    case 'issue':
      await writers.core`update billing.invoices set status = 'ISSUED'
        where id = ${invoices[step.invoice] ?? ''} and status = 'DRAFT'`;
      return { kind: 'moved' };
    case 'void':
      await writers.core`update billing.invoices set status = 'VOID'
        where id = ${invoices[step.invoice] ?? ''} and status = 'ISSUED'`;
      return { kind: 'moved' };
  }
}

async function confirm(
  { terminals, contextOf }: Writers,
  { now }: Schedule,
  step: ConfirmStep,
  invoiceId = 'inv_unknown',
): Promise<Answered> {
  const caller = terminals[step.terminalOwner];
  if (caller === undefined) throw new Error('There is no such terminal.');
  const ctx = contextOf(caller, now);
  const input: ConfirmPayment = {
    invoiceId,
    amountMinor: step.amountMinor,
    currency: step.currency,
    terminalId: step.terminalId,
    terminalTxnId: step.terminalTxnId,
    capturedAt: step.capturedAt,
    card: null,
    approvalCode: null,
  };
  const { integrationId } = caller;
  const { idempotencyKey, terminalTxnId } = step;
  const answer = await confirmPayment(ctx, input, idempotencyKey);
  return { kind: 'answered', integrationId, idempotencyKey, terminalTxnId, requestId: ctx.requestId, ...answer };
}

/** The core looks at nothing first: the invoice's CHECKs refuse what cannot be paid. */
async function payCash(core: Sql, invoiceId: string, amountMinor: number, capturedAt: Date): Promise<Told> {
  try {
    await core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      select id, currency, ${amountMinor}, 'CASH', ${capturedAt} from billing.invoices where id = ${invoiceId}`;
    return { kind: 'cash', paid: true };
  } catch (error) {
    if ((error as { code?: string }).code !== '23514') throw error;
    return { kind: 'cash', paid: false };
  }
}

const closeDay = (core: Sql, instant: Date): Promise<Told> =>
  core.begin(async (tx): Promise<Told> => {
    const [row] = await tx<{ day: string; closed: boolean }[]>`
      select day::text, billing.close_business_day(day, 'user m') as closed from base.local_date(${instant}) as day`;
    if (row === undefined || !row.closed) return { kind: 'moved' };
    const [booked] = await tx<{ payments: number }[]>`select count(*)::integer as payments
      from billing.payments where business_date = ${row.day}`;
    return { kind: 'closed', day: row.day, payments: booked?.payments ?? -1 };
  });
