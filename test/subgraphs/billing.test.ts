import { subgraph } from '@bridgework/billing';
import { newId } from '@bridgework/kernel/ids';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClinicRows, draftInvoice, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { manager, openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let billing: SubgraphUnderTest;
let clinic: ClinicRows;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  billing = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await billing.close();
  await database.drop();
});
beforeEach(() => {
  billing.statements.length = 0;
});

const accountant = partner('read:invoices', 'read:financials');
const patientOf = () => newId('pat');
const entity = (type: string, id: string) => ({ representations: [{ __typename: type, id }] });

/** An issued invoice of three instalments, the first two of which are past their day. */
async function invoiceOnPlan(paidMinor: number): Promise<string> {
  const id = await draftInvoice(core, clinic, { totalMinor: 100_000 });
  await core`insert into billing.invoice_lines (invoice_key, position, description, quantity, amount_minor)
    select key, 1, 'تقويم الأسنان', 2, 100000 from billing.invoices where id = ${id}`;
  await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
    select key, plan.number, base.local_date(now()) + plan.days, plan.amount from billing.invoices,
      (values (1, -40, 33334), (2, -10, 33333), (3, 0, 33333)) as plan (number, days, amount) where id = ${id}`;
  await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
  if (paidMinor > 0) await payCash(id, paidMinor);
  return id;
}

const payCash = (invoiceId: string, amountMinor: number) => core`
  insert into billing.payments (invoice_id, currency, amount_minor, method) values (${invoiceId}, 'SAR', ${amountMinor}, 'CASH')`;

describe('an invoice', () => {
  const WHOLE = `query ($id: ID!) { invoice(id: $id) { id status total { amountMinor currency } balance { amountMinor }
    issuedOn dueOn lines { position description quantity amount { amountMinor currency } }
    installments { number amount { amountMinor } remaining { amountMinor } overdue }
    payments { amount { amountMinor currency } method businessDate latePosted } patient { id } visit { id } } }`;

  test('shows its lines, its plan with what remains, and its payments', async () => {
    const id = await invoiceOnPlan(40_000);
    const data = await billing.read<{ invoice: Record<string, unknown> }>(accountant, WHOLE, { id });
    const day = expect.stringMatching(/^\d{4}-\d\d-\d\d$/);
    expect(data.invoice).toEqual({
      id,
      status: 'PARTIALLY_PAID',
      total: { amountMinor: 100_000, currency: 'SAR' },
      balance: { amountMinor: 60_000 },
      issuedOn: day,
      dueOn: '2030-01-31',
      lines: [
        { position: 1, description: 'تقويم الأسنان', quantity: 2, amount: { amountMinor: 100_000, currency: 'SAR' } },
      ],
      installments: [
        { number: 1, amount: { amountMinor: 33_334 }, remaining: { amountMinor: 0 }, overdue: false },
        { number: 2, amount: { amountMinor: 33_333 }, remaining: { amountMinor: 26_667 }, overdue: true },
        { number: 3, amount: { amountMinor: 33_333 }, remaining: { amountMinor: 33_333 }, overdue: false },
      ],
      payments: [
        { amount: { amountMinor: 40_000, currency: 'SAR' }, method: 'CASH', businessDate: day, latePosted: false },
      ],
      patient: { id: clinic.patientId },
      visit: null,
    });
  });

  test('counts what is overdue as the daily job does', async () => {
    const id = await invoiceOnPlan(10_000);
    await owner`select billing.mark_overdue_installments()`;
    const marked = await owner<{ number: number; remaining: number }[]>`
      select number, remaining_minor::int as remaining from billing.overdue_marks where invoice_id = ${id} order by number`;
    const data = await billing.read<{
      invoice: { installments: { number: number; remaining: { amountMinor: number }; overdue: boolean }[] };
    }>(accountant, WHOLE, { id });
    const shown = data.invoice.installments.filter(({ overdue }) => overdue);
    expect(shown.map(({ number, remaining }) => ({ number, remaining: remaining.amountMinor }))).toEqual([...marked]);
    expect(marked).toHaveLength(2);
  });

  test('has a random reference for partners and its number for the clinic alone', async () => {
    const id = await issueInvoice(core, clinic);
    const [row] = await owner<{ number: string; reference: string }[]>`
      select number, reference from billing.invoices where id = ${id}`;
    const read = 'query ($id: ID!) { invoice(id: $id) { reference } }';
    expect(await billing.read(accountant, read, { id })).toEqual({ invoice: { reference: row?.reference } });
    expect(await billing.read(manager, read, { id })).toEqual({ invoice: { reference: row?.number } });
  });

  test('shows no amount without read:financials', async () => {
    const id = await issueInvoice(core, clinic);
    const poor = partner('read:invoices');
    expect(await billing.read(poor, 'query ($id: ID!) { invoice(id: $id) { status } }', { id })).toEqual({
      invoice: { status: 'ISSUED' },
    });
    const { errors } = await billing.run(poor, 'query ($id: ID!) { invoice(id: $id) { total { currency } } }', { id });
    expect(errors?.[0]?.extensions?.code).toBe('INSUFFICIENT_SCOPE');
  });

  test('that is a draft does not exist, whichever way one comes', async () => {
    const id = await draftInvoice(core, clinic);
    expect(await billing.read(accountant, 'query ($id: ID!) { invoice(id: $id) { id } }', { id })).toEqual({
      invoice: null,
    });
    const payable = 'query ($id: ID!) { payableInvoice(id: $id) { id } }';
    expect(await billing.read(partner('write:payments'), payable, { id })).toEqual({ payableInvoice: null });
    const entities = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Invoice { status } } }`;
    expect(await billing.read(accountant, entities, entity('Invoice', id))).toEqual({ _entities: [null] });
  });

  test('tells a terminal its status and balance', async () => {
    const id = await issueInvoice(core, clinic, { totalMinor: 5_000 });
    const read = 'query ($id: ID!) { payableInvoice(id: $id) { id status balance { amountMinor currency } } }';
    expect(await billing.read(partner('write:payments'), read, { id })).toEqual({
      payableInvoice: { id, status: 'ISSUED', balance: { amountMinor: 5_000, currency: 'SAR' } },
    });
  });

  test('that was withdrawn owes nothing', async () => {
    const id = await invoiceOnPlan(0);
    await core`update billing.invoices set status = 'VOID' where id = ${id}`;
    const data = await billing.read<{ invoice: { balance: object; installments: { overdue: boolean }[] } }>(
      accountant,
      WHOLE,
      { id },
    );
    expect(data.invoice.balance).toEqual({ amountMinor: 0 });
    expect(data.invoice.installments.map(({ overdue }) => overdue)).toEqual([false, false, false]);
  });
});

describe('a patient', () => {
  const BALANCES = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
    ... on Patient { id balances { amountMinor currency } } } }`;

  test('owes by currency; what is paid, void or drafted is not owed', async () => {
    const patientId = patientOf();
    const of = { ...clinic, patientId };
    await issueInvoice(core, of, { totalMinor: 7_000 });
    await payCash(await issueInvoice(core, of, { totalMinor: 5_000 }), 2_000);
    await payCash(await issueInvoice(core, of, { totalMinor: 900 }), 900);
    await issueInvoice(core, of, { totalMinor: 1_500, currency: 'KWD' });
    await draftInvoice(core, of);
    await core`update billing.invoices set status = 'VOID' where id = ${await issueInvoice(core, of)}`;
    expect(await billing.read(accountant, BALANCES, entity('Patient', patientId))).toEqual({
      _entities: [
        {
          id: patientId,
          balances: [
            { amountMinor: 1_500, currency: 'KWD' },
            { amountMinor: 10_000, currency: 'SAR' },
          ],
        },
      ],
    });
  });

  test('is one of many in one statement', async () => {
    const representations = Array.from({ length: 100 }, () => ({ __typename: 'Patient', id: patientOf() }));
    const data = await billing.read<{ _entities: object[] }>(accountant, BALANCES, { representations });
    expect(data._entities).toHaveLength(100);
    expect(billing.statements).toHaveLength(1);
  });

  test('has its invoices listed newest first, each once, and those of several patients in one statement', async () => {
    const [one, other] = [patientOf(), patientOf()];
    const issued: string[] = [];
    for (let day = 0; day < 9; day += 1) {
      const id = await draftInvoice(core, { ...clinic, patientId: one });
      await core`update billing.invoices set status = 'ISSUED', issued_on = base.local_date(now()) - ${Math.floor(day / 3)}::int
        where id = ${id}`;
      issued.push(id);
    }
    const foreign = await issueInvoice(core, { ...clinic, patientId: other });
    const list = `query ($representations: [_Any!]!, $after: String) { _entities(representations: $representations) {
      ... on Patient { invoices(first: 2, after: $after) {
        edges { node { id issuedOn } } pageInfo { hasNextPage endCursor } } } } }`;
    interface Listed {
      readonly _entities: readonly {
        readonly invoices: {
          readonly edges: readonly { readonly node: { readonly id: string; readonly issuedOn: string } }[];
          readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
        };
      }[];
    }
    billing.statements.length = 0;
    const both = await billing.read<Listed>(accountant, list, {
      representations: [one, other].map((id) => ({ __typename: 'Patient', id })),
    });
    expect(billing.statements).toHaveLength(1);
    expect(both._entities[1]?.invoices.edges.map(({ node }) => node.id)).toEqual([foreign]);
    const seen: { id: string; issuedOn: string }[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const page: Listed = await billing.read(accountant, list, { ...entity('Patient', one), after });
      const invoices = page._entities[0]?.invoices;
      seen.push(...(invoices?.edges ?? []).map(({ node }) => node));
      more = invoices?.pageInfo.hasNextPage ?? false;
      after = invoices?.pageInfo.endCursor ?? null;
    }
    expect(seen.map(({ id }) => id).sort()).toEqual([...issued].sort());
    const days = seen.map(({ issuedOn }) => issuedOn);
    expect(days).toEqual([...days].sort().reverse());
  });
});

test('a visit shows the invoice that counts, not one that was withdrawn', async () => {
  const visitId = newId('vis');
  const [withdrawn, counts] = [await draftInvoice(core, clinic), await draftInvoice(core, clinic)];
  await core`update billing.invoices set visit_id = ${visitId}, status = 'ISSUED' where id in ${core([withdrawn, counts])}`;
  const late = await draftInvoice(core, clinic);
  await core`update billing.invoices set visit_id = ${visitId} where id = ${late}`;
  await core`update billing.invoices set status = 'VOID' where id = ${withdrawn}`;
  const read = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
    ... on Visit { id invoice { id status } } } }`;
  const nothing = newId('vis');
  const representations = [visitId, nothing].map((id) => ({ __typename: 'Visit', id }));
  expect(await billing.read(accountant, read, { representations })).toEqual({
    _entities: [
      { id: visitId, invoice: { id: counts, status: 'ISSUED' } },
      { id: nothing, invoice: null },
    ],
  });
});

describe('confirmations', () => {
  const confirm = async (caller: ReturnType<typeof partner>, invoiceId: string, said: object = {}) => {
    const input = {
      invoiceId,
      amountMinor: 1_000,
      currency: 'SAR',
      terminalId: 'T-1',
      terminalTxnId: newId('req'),
      capturedAt: new Date().toISOString(),
      ...said,
    };
    await billing.run(
      caller,
      `mutation ($input: ConfirmPaymentInput!, $key: String!) {
        confirmPayment(input: $input, idempotencyKey: $key) { confirmationId } }`,
      { input, key: newId('req') },
    );
    return input.terminalTxnId;
  };
  const FIND = `query ($terminalTxnId: String!) { terminalConfirmationByTransaction(terminalId: "T-1",
    terminalTxnId: $terminalTxnId) { id integrationId status reason paymentId amountMinor businessDate latePosted } }`;
  const READ = 'query ($id: ID!) { terminalConfirmation(id: $id) { id status } }';
  type Found = { terminalConfirmationByTransaction: { id: string; status: string } | null };

  test('are found by their own integration, and by no other', async () => {
    const own = partner('write:payments');
    const invoiceId = await issueInvoice(core, clinic);
    const terminalTxnId = await confirm(own, invoiceId);
    const found = await billing.read<Found>(own, FIND, { terminalTxnId });
    expect(found.terminalConfirmationByTransaction).toEqual({
      id: expect.stringMatching(/^cnf_/),
      integrationId: own.integrationId,
      status: 'RECORDED',
      reason: null,
      paymentId: expect.stringMatching(/^pay_/),
      amountMinor: 1_000,
      businessDate: expect.any(String),
      latePosted: false,
    });
    const { id } = found.terminalConfirmationByTransaction ?? {};
    expect(await billing.read(own, READ, { id })).toEqual({ terminalConfirmation: { id, status: 'RECORDED' } });
    const foreign = partner('write:payments');
    expect(await billing.run(foreign, READ, { id })).toEqual(await billing.run(foreign, READ, { id: newId('cnf') }));
    expect(await billing.read(foreign, FIND, { terminalTxnId })).toEqual({ terminalConfirmationByTransaction: null });
  });

  test('by transaction show the payment, not what went wrong before and after it', async () => {
    const own = partner('write:payments');
    const invoiceId = await draftInvoice(core, clinic);
    const capturedAt = new Date().toISOString();
    const terminalTxnId = await confirm(own, invoiceId, { capturedAt });
    const status = async () =>
      (await billing.read<Found>(own, FIND, { terminalTxnId })).terminalConfirmationByTransaction?.status;
    expect(await status()).toBe('REJECTED');
    await core`update billing.invoices set status = 'ISSUED' where id = ${invoiceId}`;
    await confirm(own, invoiceId, { terminalTxnId, capturedAt });
    await confirm(own, invoiceId, { terminalTxnId, capturedAt, amountMinor: 5 });
    expect(await status()).toBe('RECORDED');
  });

  test('are all listed for a manager, newest first, and for nobody else', async () => {
    const [one, other] = [partner('write:payments'), partner('write:payments')];
    for (let turn = 0; turn < 3; turn += 1) await confirm(one, newId('inv'));
    await confirm(other, newId('inv'));
    const list = `query ($filter: TerminalConfirmationFilter, $after: String) {
      terminalConfirmations(filter: $filter, first: 2, after: $after) {
        edges { node { id integrationId receivedAt } } pageInfo { hasNextPage endCursor } } }`;
    interface Listed {
      readonly terminalConfirmations: {
        readonly edges: readonly { readonly node: { readonly id: string; readonly receivedAt: string } }[];
        readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
      };
    }
    const filter = { integrationId: one.integrationId, status: 'REJECTED' };
    const first = await billing.read<Listed>(manager, list, { filter });
    const after = first.terminalConfirmations.pageInfo.endCursor;
    const second = await billing.read<Listed>(manager, list, { filter, after });
    const seen = [...first.terminalConfirmations.edges, ...second.terminalConfirmations.edges].map(({ node }) => node);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
    expect(second.terminalConfirmations.pageInfo.hasNextPage).toBe(false);
    const times = seen.map(({ receivedAt }) => receivedAt);
    expect(times).toEqual([...times].sort().reverse());
    const { errors } = await billing.run(one, list, { filter });
    expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });
});
