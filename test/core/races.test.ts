import { subgraph } from '@bridgework/billing';
import { newId } from '@bridgework/kernel/ids';
import { EVENT_TYPES, EVENTS, projectEvent } from '@bridgework/schema';
import type { ISql, Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';
import { connectCore } from './connected-core.ts';

const CONFIRM = `mutation ($input: ConfirmPaymentInput!, $idempotencyKey: String!) {
  confirmPayment(input: $input, idempotencyKey: $idempotencyKey) { paymentId amountMinor replayed balance { amountMinor } } }`;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let billing: SubgraphUnderTest;

beforeAll(async () => {
  database = await connectCore();
  owner = database.as('owner');
  core = database.as('core_app', 8);
  billing = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await billing?.close();
  await database?.drop();
});

const issue = async (totalMinor: number): Promise<string> => {
  const [row] = await core<{ id: string }[]>`select core_verify.issue_invoice(${totalMinor}) as id`;
  return row?.id ?? '';
};
const terminal = () => partner('write:payments');
const captureOf = (invoiceId: string, amountMinor: number, terminalTxnId: string = newId('req')) => ({
  ...{ invoiceId, amountMinor, terminalTxnId, currency: 'SAR', terminalId: 'TERM-1' },
  capturedAt: new Date(Date.now() - 60_000).toISOString(),
});
interface Receipt {
  readonly paymentId: string;
  readonly amountMinor: number;
  readonly replayed: boolean;
}

async function confirm(caller: ReturnType<typeof terminal>, input: object) {
  const { data, errors } = await billing.run(caller, CONFIRM, { input, idempotencyKey: newId('req') });
  return {
    receipt: errors === undefined ? (data as unknown as { confirmPayment: Receipt }).confirmPayment : null,
    refused: errors?.[0]?.extensions?.code ?? null,
  };
}

async function ledgerOf(invoiceId: string) {
  const [row] = await owner<{ total: number; paid: number; sum: number; payments: number; events: number }[]>`
    select total_minor::int as total, paid_minor::int as paid,
      (select coalesce(sum(amount_minor), 0)::int from billing.payments where invoice_id = i.id) as sum,
      (select count(*)::int from billing.payments where invoice_id = i.id) as payments,
      (select count(*)::int from outbox.events where type = 'payment.received' and data ->> 'invoice_id' = i.id) as events
    from billing.invoices i where id = ${invoiceId}`;
  if (row === undefined) throw new Error(`${invoiceId} is not in billing.invoices`);
  return row;
}

const INVOICES = 25;
const TERMINALS = 7;

describe('confirmations that race with each other and with the core’s own cash desk', () => {
  test(`never overpay any of ${INVOICES} invoices: recorded = accepted = events = audit rows`, async () => {
    const caller = terminal();
    const expected = new Set([null, 'AMOUNT_EXCEEDS_BALANCE', 'INVOICE_ALREADY_PAID']);
    let accepted = 0;
    let refusals = 0;
    for (let round = 0; round < INVOICES; round += 1) {
      const invoiceId = await issue(10_000 + 37 * round);
      const amounts = Array.from({ length: TERMINALS }, (_, index) => 1_500 + ((round * 997 + index * 613) % 4_000));
      const cash = core`select core_verify.collect_cash(${invoiceId}, 1500)`.then(
        () => 1,
        () => 0,
      );
      const answers = await Promise.all(amounts.map((amount) => confirm(caller, captureOf(invoiceId, amount))));
      const recorded = answers.flatMap(({ receipt }) => receipt ?? []);
      expect(answers.filter(({ refused }) => !expected.has(refused as string | null))).toEqual([]);
      const ledger = await ledgerOf(invoiceId);
      const byCash = await cash;
      expect(ledger.paid).toBeLessThanOrEqual(ledger.total);
      expect(ledger.sum).toBe(ledger.paid);
      expect(ledger.payments).toBe(recorded.length + byCash);
      expect(ledger.events).toBe(ledger.payments);
      accepted += recorded.length;
      refusals += answers.length - recorded.length;
    }
    expect(accepted).toBeGreaterThan(INVOICES);
    expect(refusals).toBeGreaterThan(INVOICES);
    const [audit] = await owner`select count(*) filter (where result = 'OK')::int as ok,
      count(*) filter (where result = 'REJECTED')::int as rejected from audit.entries
      where integration_id = ${caller.integrationId}`;
    expect(audit).toEqual({ ok: accepted, rejected: refusals });
    const [row] = await owner`select deadlocks::int from pg_stat_database where datname = current_database()`;
    expect(row).toEqual({ deadlocks: 0 });
  });

  test('of one terminal transaction are one payment and one event, however many come at once', async () => {
    const caller = terminal();
    const invoiceId = await issue(10_000);
    const capture = captureOf(invoiceId, 4_000);
    const answers = await Promise.all(Array.from({ length: 10 }, () => confirm(caller, capture)));
    expect(new Set(answers.map(({ receipt }) => receipt?.paymentId)).size).toBe(1);
    expect(answers.filter(({ receipt }) => receipt?.replayed === false)).toHaveLength(1);
    expect(await ledgerOf(invoiceId)).toMatchObject({ paid: 4_000, payments: 1, events: 1 });
  });

  test('show each other’s payments in the balance: nobody reads what was paid before the wait', async () => {
    const caller = terminal();
    const invoiceId = await issue(6_000);
    const answers = await Promise.all(Array.from({ length: 6 }, () => confirm(caller, captureOf(invoiceId, 1_000))));
    expect(answers.filter(({ receipt }) => receipt !== null)).toHaveLength(6);
    const [row] = await owner`select count(distinct balance_minor)::int as balances from billing.terminal_confirmations
      where invoice_id = ${invoiceId}`;
    expect(row).toEqual({ balances: 6 });
    expect((await confirm(caller, captureOf(invoiceId, 1))).refused).toBe('INVOICE_ALREADY_PAID');
  });
});

describe.each(EVENT_TYPES)('%s', (type) => {
  const happen = async (sql: ISql) => {
    const [row] = await sql<{ id: string }[]>`select core_verify.happen(${type}) as id`;
    return row?.id ?? '';
  };
  const eventsSince = (key: string) => owner<
    { entity_id: string; entity_type: string; data: Record<string, unknown> }[]
  >`
    select entity_id, entity_type, data from outbox.events where type = ${type} and key > ${key}`;
  const lastKey = async () => {
    const [row] = await owner<{ key: string }[]>`select coalesce(max(key), 0)::text as key from outbox.events`;
    return row?.key ?? '0';
  };

  test('leaves with the core’s commit: exactly one, with the columns of its contract alone', async () => {
    const before = await lastKey();
    const entityId = await happen(core);
    const events = await eventsSince(before);
    expect(events.map((event) => [event.entity_type, event.entity_id])).toEqual([[EVENTS[type].entityType, entityId]]);
    const data = events[0]?.data ?? {};
    expect(Object.keys(data).sort()).toEqual(Object.keys(EVENTS[type].stored.shape).sort());
    projectEvent(type, data, { financials: true });
  });

  test('is not told when the core rolls back', async () => {
    const before = await lastKey();
    const rolledBack = core.begin(async (tx) => {
      await happen(tx);
      throw new Error('the core changes its mind');
    });
    await expect(rolledBack).rejects.toThrow('the core changes its mind');
    expect([...(await eventsSince(before))]).toEqual([]);
  });
});

describe('imports and imaging', () => {
  const people = async () => {
    const [row] = await owner<{ patient: string; provider: string }[]>`
      select (select id from appointment.patients limit 1) as patient, (select id from appointment.providers limit 1) as provider`;
    return row ?? { patient: '', provider: '' };
  };

  test('of eight partners who want one provider’s slot at once, one gets it', async () => {
    const { patient, provider } = await people();
    const desk = database.as('bridgework_appointment', 8);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const row = { external_id: `r-${index}`, patient_id: patient, provider_id: provider };
        const rows = [{ ...row, starts_at: '2045-01-01T08:00Z', ends_at: '2045-01-01T08:30Z' }];
        return desk`select result, errors from appointment.record_import(null, 'int_race', ${rows as never}::jsonb)`;
      }),
    );
    expect(answers.map(([row]) => row?.result).sort()).toEqual(['IMPORTED', ...Array(7).fill('REJECTED')]);
    const [row] = await owner`select count(*)::int as n, min(status) as status, min(source) as source
      from appointment.appointments where imported_by_integration_id = 'int_race'`;
    expect(row).toEqual({ n: 1, status: 'SCHEDULED', source: 'IMPORT' });
  });

  test('of eight that send one image at once, one reference stands', async () => {
    const { patient } = await people();
    const desk = database.as('bridgework_appointment', 8);
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        () => desk`select result, imaging_id from appointment.record_imaging('int_race', ${patient}, null, '1', '2', '3', 'IO',
          '2026-01-01T10:00Z', 'https://x/y', 'image/png', 10, ${'a'.repeat(64)}, null)`,
      ),
    );
    expect(answers.map(([row]) => row?.result).sort()).toEqual(['RECORDED', ...Array(7).fill('UNCHANGED')]);
    expect(new Set(answers.map(([row]) => row?.imaging_id)).size).toBe(1);
  });
});
