import { randomUUID } from 'node:crypto';
import type { ISql, Sql } from 'postgres';
import { expect } from 'vitest';
import { type Clinic, type ClinicOptions, startClinic } from '../../support/clinic.ts';
import { eventually } from '../../support/eventually.ts';
import type { Answer, Partner } from '../../support/partner.ts';
import { countEffects, type Effects, NOTHING } from './effects.ts';

export const DAY_MS = 86_400_000;
export const KEPT = { rejected: 1, kept: 1 } as const;
export const RECORDED = { payments: 1, events: 1, confirmed: 1, ok: 1 } as const;

export type Payment = Readonly<Record<string, unknown>>;

export interface Sent {
  readonly key?: string | null;
  readonly as?: Partner;
  readonly headers?: Record<string, string>;
}

export interface Desk {
  readonly clinic: Clinic;
  /** May confirm payments. */
  readonly terminal: Partner;
  /** May not. */
  readonly reader: Partner;
  /** An invoice of 100.00 SAR in this state. */
  invoice(state?: 'ISSUED' | 'DRAFT' | 'VOID' | 'PAID'): Promise<string>;
  confirm(body: unknown, sent?: Sent): Promise<Answer>;
  /** What stands in the books before a row; the row says what it adds. */
  begin(): Promise<void>;
  /** Waits until a refusal that came later has been audited, so that nothing of this row is still on its way. */
  settled(): Promise<void>;
  /** What was added since {@link Desk.begin}, and nothing else. */
  expectEffects(added: Partial<Effects>): Promise<void>;
  /** How many refusals of a token, `dci_test_<public id>_…`, the audit log tells of by now. */
  refusalsOf(token: string): Promise<number>;
  /** Does something while another session holds what `take` took. */
  holding<Result>(
    take: (tx: ISql) => Promise<unknown>,
    meanwhile: () => Promise<Result>,
    end?: 'commit' | 'roll back',
  ): Promise<Result>;
  /** Until so many sessions of the billing subgraph wait for a lock. */
  waitingForLocks(sessions: number): Promise<unknown>;
}

/** A card terminal before the whole product, and what each row of the decision table leaves behind. */
export async function openDesk(options: ClinicOptions = {}): Promise<Desk> {
  const clinic = await startClinic({ simulator: false, ...options });
  const [terminal, reader] = await Promise.all([
    clinic.partner({ scopes: ['write:payments'] }),
    clinic.partner({ scopes: ['read:appointments'] }),
  ]);
  let before: Effects = NOTHING;
  const settled = async () => {
    const marker = await reader.rest('GET', '/inventory/low-stock');
    await clinic.audited({
      action: 'document.execute',
      result: 'DENIED',
      requestId: marker.headers.get('request-id') ?? '',
    });
  };
  return {
    clinic,
    terminal,
    reader,
    invoice: (state = 'ISSUED') => writeInvoice(clinic, state),
    confirm: (body, { key = randomUUID(), as = terminal, headers = {} } = {}) =>
      as.rest('POST', '/payment-confirmations', {
        body,
        headers: { ...(key === null ? {} : { 'idempotency-key': key }), ...headers },
      }),
    begin: async () => {
      before = await countEffects(clinic.owner);
    },
    settled,
    async expectEffects(added) {
      await settled();
      const now = await countEffects(clinic.owner);
      const difference = Object.fromEntries(
        Object.entries(now).map(([name, count]) => [name, count - before[name as keyof Effects]]),
      );
      expect(difference).toEqual({ ...NOTHING, ...added });
    },
    async refusalsOf(token) {
      const [, , publicId = ''] = token.split('_');
      const [row] = await clinic.owner<[{ count: number }]>`
        select coalesce(sum(occurrences), 0)::integer as count from audit.entries
        where action = 'request.refuse' and result = 'DENIED' and entity_id = ${publicId}`;
      return row.count;
    },
    holding: (take, meanwhile, end = 'commit') => holding(clinic.owner, take, meanwhile, end),
    waitingForLocks: (sessions) =>
      eventually(async () => {
        const rows = await clinic.owner`select 1 from pg_stat_activity
          where datname = current_database() and usename = 'bridgework_billing' and wait_event_type = 'Lock'`;
        return rows.length >= sessions;
      }),
  };
}

/** What a terminal says it has captured, of all that is owed unless told otherwise. */
export const capture = (invoiceId: string, said: Payment = {}): Payment => ({
  invoice_id: invoiceId,
  amount_minor: 10_000,
  currency: 'SAR',
  terminal_id: 'DESK-1',
  terminal_txn_id: randomUUID(),
  captured_at: new Date(Date.now() - 60_000).toISOString(),
  ...said,
});

export const slugOf = ({ body }: Answer): string | undefined => body?.type?.replace(/^.*\/problems\//, '');

async function writeInvoice(clinic: Clinic, state: 'ISSUED' | 'DRAFT' | 'VOID' | 'PAID'): Promise<string> {
  const [row] = await clinic.core<{ id: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', 10000, current_date + 30 from appointment.patients limit 1 returning id`;
  const id = row?.id ?? '';
  if (state === 'DRAFT') return id;
  await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${id}`;
  if (state === 'VOID') await clinic.core`update billing.invoices set status = 'VOID' where id = ${id}`;
  if (state === 'PAID') {
    await clinic.core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      values (${id}, 'SAR', 10000, 'CASH', now())`;
  }
  return id;
}

async function holding<Result>(
  owner: Sql,
  take: (tx: ISql) => Promise<unknown>,
  meanwhile: () => Promise<Result>,
  end: 'commit' | 'roll back',
): Promise<Result> {
  let result: { value: Result } | undefined;
  await owner
    .begin(async (tx) => {
      await take(tx);
      result = { value: await meanwhile() };
      if (end === 'roll back') throw new Error('rolled back');
    })
    .catch((error: unknown) => {
      if (result === undefined) throw error;
    });
  if (result === undefined) throw new Error('Nothing was done meanwhile.');
  return result.value;
}
