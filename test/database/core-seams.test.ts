import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bookAppointment,
  type ClinicRows,
  draftInvoice,
  issueInvoice,
  writeClinicRows,
} from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let core: Sql;
let owner: Sql;
let billing: Sql;
let appointment: Sql;
let clinic: ClinicRows;

beforeAll(async () => {
  database = await createDatabase();
  core = database.as('core_app');
  owner = database.as('owner');
  billing = database.as('bridgework_billing', 16);
  appointment = database.as('bridgework_appointment', 12);
  clinic = await writeClinicRows(core);
});
afterAll(() => database.drop());

interface Capture {
  readonly amount?: number | null;
  readonly currency?: string;
  readonly at?: Date;
  readonly integration?: string | null;
  readonly txn?: string;
}
let transactions = 0;
const pay = async (
  invoiceId: string,
  { amount = 1_000, currency = 'SAR', at, integration = 'int_a', txn }: Capture = {},
) => {
  transactions += 1;
  const [row] = await billing`select result, payment_id, business_date::text, late_posted, balance_minor::integer
    from billing.record_terminal_payment(${invoiceId}, ${amount}, ${currency}, ${at ?? new Date()}, ${integration}, 'T1',
      ${txn ?? `txn-${transactions}`}, 'mada', '4242', 'A1')`;
  return row;
};
const ledger = async (invoiceId: string) => {
  const [row] = await owner`select status, paid_minor::integer as paid,
    (select count(*)::integer from billing.payments where invoice_id = ${invoiceId}) as payments,
    (select count(*)::integer from outbox.events where type = 'payment.received' and data ->> 'invoice_id' = ${invoiceId})
      as events from billing.invoices where id = ${invoiceId}`;
  return row;
};

describe('record_terminal_payment', () => {
  test('books a capture and says what is still owed', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    expect(await pay(invoiceId, { amount: 4_000 })).toEqual({
      result: 'RECORDED',
      payment_id: expect.stringMatching(/^pay_/),
      business_date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      late_posted: false,
      balance_minor: 6_000,
    });
    expect(await ledger(invoiceId)).toEqual({ status: 'PARTIALLY_PAID', paid: 4_000, payments: 1, events: 1 });
  });

  test('answers a transaction that it knows with the payment that it is', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    const first = await pay(invoiceId, { txn: 'known' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => pay(invoiceId, { txn: 'known' })));
    for (const answer of answers) {
      expect(answer).toMatchObject({ result: 'ALREADY_RECORDED', payment_id: first?.payment_id, balance_minor: 9_000 });
    }
    expect(await ledger(invoiceId)).toMatchObject({ payments: 1, events: 1 });
  });

  test('writes nothing that it refuses', async () => {
    const open = await issueInvoice(core, clinic);
    const draft = await draftInvoice(core, clinic);
    const paid = await issueInvoice(core, clinic, { totalMinor: 1_000 });
    await pay(paid);
    expect(await pay(open, { amount: 10_001 })).toMatchObject({
      result: 'AMOUNT_EXCEEDS_BALANCE',
      balance_minor: 10_000,
    });
    expect(await pay(open, { currency: 'USD' })).toMatchObject({ result: 'CURRENCY_MISMATCH' });
    expect(await pay(draft)).toMatchObject({ result: 'INVOICE_NOT_PAYABLE' });
    expect(await pay(paid)).toMatchObject({ result: 'INVOICE_ALREADY_PAID', balance_minor: 0 });
    expect(await pay('inv_none')).toMatchObject({ result: 'NOT_FOUND', balance_minor: null });
    for (const wrong of [{ amount: 0 }, { amount: -5 }, { amount: null }, { integration: null }]) {
      await expect(pay(open, wrong)).rejects.toMatchObject({ code: '22023' });
    }
    await expect(pay(open, { at: new Date(Date.now() + 3_600_000) })).rejects.toMatchObject({ code: 'BW004' });
    expect(await ledger(open)).toEqual({ status: 'ISSUED', paid: 0, payments: 0, events: 0 });
  });

  test('lets 16 racing terminals record exactly as many payments as fit, and refuses the others in words', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    const answers = await Promise.all(Array.from({ length: 16 }, () => pay(invoiceId, { amount: 3_000 })));
    const told = (result: string) => answers.filter((answer) => answer?.result === result).length;
    expect([told('RECORDED'), told('AMOUNT_EXCEEDS_BALANCE')]).toEqual([3, 13]);
    expect(await ledger(invoiceId)).toEqual({ status: 'PARTIALLY_PAID', paid: 9_000, payments: 3, events: 3 });
  });

  test('is the only way in for billing’s role, and for no other role', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    await expect(
      billing`insert into billing.payments (invoice_id, currency, amount_minor, method, integration_id, terminal_id,
        terminal_txn_id) values (${invoiceId}, 'SAR', 1, 'CARD', 'int_a', 'T', 'x')`,
    ).rejects.toMatchObject({ code: '42501' });
    for (const role of ['bridgework_appointment', 'bridgework_integration', 'bridgework_workers'] as const) {
      await expect(
        database.as(role, 1)`select billing.record_terminal_payment(${invoiceId}, 1, 'SAR', now(), 'i', 't', 'x', null,
          null, null)`,
      ).rejects.toMatchObject({ code: '42501' });
    }
  });
});

let nextDay = 0;
interface Row {
  readonly [field: string]: string | null;
}
/** A row for a day of its own. */
const rowFor = (externalId: string, changed: Row = {}): Row => {
  nextDay += 1;
  const day = new Date(Date.UTC(2041, 0, 1 + nextDay)).toISOString().slice(0, 10);
  return {
    external_id: externalId,
    patient_id: clinic.patientId,
    provider_id: clinic.providerIds[0],
    starts_at: `${day}T08:00:00Z`,
    ends_at: `${day}T08:30:00Z`,
    ...changed,
  };
};
const take = async (rows: readonly Row[] | Row, importId: string | null = null) => {
  const [row] =
    await appointment`select * from appointment.record_import(${importId}, 'int_i', ${rows as never}::jsonb)`;
  return row;
};
const imported = async (externalId: string) => {
  const [row] =
    await owner`select status, source, chair_id from appointment.appointments where external_id = ${externalId}`;
  return row;
};

describe('record_import', () => {
  test('books every row, without a chair in the first that is free, and knows them again', async () => {
    const [one, two] = [rowFor('a-1'), rowFor('a-2', { chair_id: clinic.chairIds[1] })];
    expect(await take([one, two])).toEqual({ result: 'IMPORTED', imported_count: 2, unchanged_count: 0, errors: [] });
    expect(await imported('a-1')).toEqual({ status: 'SCHEDULED', source: 'IMPORT', chair_id: clinic.chairIds[0] });
    expect(await imported('a-2')).toMatchObject({ chair_id: clinic.chairIds[1] });
    expect(await take([one, two, rowFor('a-3')])).toMatchObject({ imported_count: 1, unchanged_count: 2 });
  });

  test('takes the second chair when the first is taken, and says when both are', async () => {
    const first = rowFor('b-1');
    const same = (externalId: string, provider: string) => ({
      ...first,
      external_id: externalId,
      provider_id: provider,
    });
    expect(await take([first])).toMatchObject({ result: 'IMPORTED' });
    expect(await take([same('b-2', clinic.providerIds[1])])).toMatchObject({ result: 'IMPORTED' });
    expect(await imported('b-2')).toMatchObject({ chair_id: clinic.chairIds[1] });
    expect(await take([same('b-3', clinic.providerIds[0])])).toMatchObject({
      errors: [{ pointer: '/rows/0', code: 'slot-conflict' }],
    });
  });

  test('imports all rows or none, and names what stands in the way of each', async () => {
    const known = rowFor('c-1');
    await take([known]);
    const rows = [
      rowFor('c-2'),
      { ...known, ends_at: known.ends_at?.replace('08:30', '08:45') ?? '' },
      rowFor('c-3', { patient_id: 'pat_none' }),
      rowFor('c-4', { provider_id: 'prv_none' }),
      rowFor('c-5', { chair_id: 'chr_none' }),
      rowFor('c-6', { starts_at: '2020-01-01T08:00Z', ends_at: '2020-01-01T09:00Z' }),
      rowFor('c-7', { ends_at: '2041-01-01T08:00Z' }),
    ];
    const answer = await take(rows);
    expect(answer).toMatchObject({ result: 'REJECTED', imported_count: 0, unchanged_count: 0 });
    const faults = answer?.errors as { pointer: string; code: string }[];
    expect(new Map(faults.map(({ pointer, code }) => [pointer, code]))).toEqual(
      new Map([
        ['/rows/1', 'clinic-authoritative'],
        ['/rows/2', 'patient-not-found'],
        ['/rows/3', 'provider-not-found'],
        ['/rows/4', 'chair-not-found'],
        ['/rows/5', 'not-in-future'],
        ['/rows/6', 'invalid-times'],
      ]),
    );
    expect(await imported('c-2')).toBeUndefined();
  });

  test('belongs to an import that its integration has under way', async () => {
    const [own] =
      await appointment`insert into appointment.imports (integration_id, row_count) values ('int_i', 1) returning id`;
    const [other] =
      await appointment`insert into appointment.imports (integration_id, row_count) values ('int_j', 1) returning id`;
    expect(await take([rowFor('d-1')], own?.id)).toMatchObject({ result: 'IMPORTED' });
    for (const id of [other?.id, 'imp_none']) {
      await expect(take([rowFor('d-2')], id)).rejects.toMatchObject({ code: '22023' });
    }
    for (const nothing of [[], {}]) await expect(take(nothing)).rejects.toMatchObject({ code: '22023' });
  });

  test('lets two imports that want each other’s slots end without a deadlock', async () => {
    const rows = Array.from({ length: 6 }, (_, index) => rowFor(`e-${index}`, { chair_id: clinic.chairIds[0] }));
    const renamed = rows.map((row) => ({ ...row, external_id: `f-${row.external_id}` })).reverse();
    const answers = await Promise.all([rows, renamed, rows, renamed].map((wanted) => take(wanted)));
    expect(answers.map((answer) => answer?.result).sort()).toEqual(['IMPORTED', 'IMPORTED', 'REJECTED', 'REJECTED']);
  });

  test('is the only way in for the appointment role', async () => {
    await expect(
      appointment`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at, source,
          imported_by_integration_id, external_id)
        values (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, '2050-01-01', '2050-01-01T01:00Z',
          'IMPORT', 'int_i', 'g')`,
    ).rejects.toMatchObject({ code: '42501' });
  });
});

describe('record_imaging', () => {
  const add = async (changed: Row = {}) => {
    const image = {
      integration: 'int_m',
      patient: clinic.patientId,
      visit: null,
      sop: '1.2.3',
      uri: 'https://x/y',
      ...changed,
    };
    const [row] = await appointment`select * from appointment.record_imaging(${image.integration}, ${image.patient},
      ${image.visit}, '1', '2', ${image.sop}, 'IO', '2026-01-01T10:00:00.123456Z', ${image.uri}, 'image/png', 100,
      ${'a'.repeat(64)}, null)`;
    return row;
  };

  test('adds a reference once, however often and at once it is sent', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => add()));
    expect(answers.map((answer) => answer?.result).sort()).toEqual(['RECORDED', ...Array(7).fill('UNCHANGED')]);
    expect(new Set(answers.map((answer) => answer?.imaging_id)).size).toBe(1);
    expect(await add({ uri: 'https://x/other' })).toEqual({ result: 'CONFLICT', imaging_id: null });
    const [row] = await owner`select count(*)::integer as n from appointment.imaging_references`;
    expect(row).toEqual({ n: 1 });
  });

  test('writes nothing that it refuses', async () => {
    const [visit] = await core<
      { id: string }[]
    >`insert into appointment.visits (appointment_id, patient_id, provider_id)
      values (${await bookAppointment(core, clinic)}, ${clinic.patientId}, ${clinic.providerIds[0]}) returning id`;
    const [stranger] = await core<
      { id: string }[]
    >`insert into appointment.patients (full_name) values ('B') returning id`;
    expect(await add({ sop: 'v', visit: visit?.id ?? '' })).toMatchObject({ result: 'RECORDED' });
    expect(await add({ sop: 'w', patient: 'pat_none' })).toMatchObject({ result: 'PATIENT_NOT_FOUND' });
    expect(await add({ sop: 'w', visit: visit?.id ?? '', patient: stranger?.id ?? '' })).toMatchObject({
      result: 'VISIT_NOT_FOUND',
    });
    await expect(add({ sop: 'w', integration: null })).rejects.toMatchObject({ code: '22023' });
    await expect(add({ sop: 'w', uri: 'file:///x' })).rejects.toMatchObject({ code: '23514' });
    await expect(
      appointment`insert into appointment.imaging_references (patient_id) values ('x')`,
    ).rejects.toMatchObject({ code: '42501' });
  });
});
