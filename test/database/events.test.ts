import { EVENTS, type EventType, projectEvent } from '@bridgework/schema';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  bookAppointment,
  type ClinicRows,
  draftInvoice,
  issueInvoice,
  SECRET_NAME,
  SECRET_PHONE,
  writeClinicRows,
} from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { signal } from '../support/signal.ts';

interface StoredEvent {
  readonly id: string;
  readonly type: EventType;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly data: Record<string, unknown>;
}

let database: TestDatabase;
let core: Sql;
let owner: Sql;
let clinic: ClinicRows;
let from = 0;

beforeAll(async () => {
  database = await createDatabase();
  core = database.as('core_app');
  owner = database.as('owner');
  clinic = await writeClinicRows(core);
});
afterAll(() => database.drop());
beforeEach(async () => {
  const [row] = await owner<{ key: string }[]>`select coalesce(max(key), 0) as key from outbox.events`;
  from = Number(row?.key);
});

const emitted = (type?: EventType) =>
  owner<StoredEvent[]>`select id, type, entity_type, entity_id, data from outbox.events
    where key > ${from} and (${type ?? null}::text is null or type = ${type ?? null}) order by key`;

async function expectOne(type: EventType, entityId: string): Promise<Record<string, unknown>> {
  const events = await emitted(type);
  expect(events.map(({ entity_id }) => entity_id)).toEqual([entityId]);
  const [event] = events;
  if (event === undefined) throw new Error('no event');
  expect(event.entity_type).toBe(EVENTS[type].entityType);
  expect(Object.keys(event.data).sort()).toEqual(Object.keys(EVENTS[type].stored.shape).sort());
  projectEvent(type, event.data, { financials: true });
  const text = JSON.stringify(event);
  for (const secret of [SECRET_NAME, SECRET_PHONE, 'cost', 'INV-']) expect(text).not.toContain(secret);
  return event.data;
}

let slot = 0;
/** A new half hour each time. */
const nextSlot = () => {
  slot += 1;
  const startsAt = new Date(Date.UTC(2031, 0, 1) + slot * 1_800_000);
  return { startsAt: startsAt.toISOString(), endsAt: new Date(startsAt.getTime() + 1_800_000).toISOString() };
};

describe('one event, with the columns of its contract alone, for', () => {
  test('appointment.created: an insert', async () => {
    const id = await bookAppointment(core, clinic, nextSlot());
    const data = await expectOne('appointment.created', id);
    expect(data).toMatchObject({ status: 'SCHEDULED', source: 'CLINIC', sequence: 1, patient_id: clinic.patientId });
  });

  test('appointment.updated: all changes of a transaction together, named', async () => {
    const id = await bookAppointment(core, clinic, nextSlot());
    const later = nextSlot();
    await core.begin(async (tx) => {
      await tx`update appointment.appointments set status = 'CONFIRMED' where id = ${id}`;
      await tx`update appointment.appointments set starts_at = ${later.startsAt}, ends_at = ${later.endsAt} where id = ${id}`;
      await tx`update appointment.appointments set provider_id = ${clinic.providerIds[1]} where id = ${id}`;
    });
    const data = await expectOne('appointment.updated', id);
    expect(data).toMatchObject({ status: 'CONFIRMED', provider_id: clinic.providerIds[1], sequence: 2 });
    expect(data.changed).toEqual(expect.arrayContaining(['status', 'starts_at', 'ends_at', 'provider_id']));
    expect(data.changed).toHaveLength(4);
    await core`update appointment.appointments set chair_id = ${clinic.chairIds[1]} where id = ${id}`;
    const [, second] = await emitted('appointment.updated');
    expect(second?.data).toMatchObject({ changed: ['chair_id'], sequence: 3 });
  });

  test('appointment.completed: the step to COMPLETED, which is no update', async () => {
    const id = await bookAppointment(core, clinic, nextSlot());
    await core`update appointment.appointments set status = 'CONFIRMED' where id = ${id}`;
    await core`update appointment.appointments set status = 'IN_PROGRESS' where id = ${id}`;
    from = Number((await owner`select max(key) as key from outbox.events`)[0]?.key);
    await core`update appointment.appointments set status = 'COMPLETED' where id = ${id}`;
    await expectOne('appointment.completed', id);
    expect(await emitted()).toHaveLength(1);
  });

  test('visit.completed, with the count of its procedures', async () => {
    const appointmentId = await bookAppointment(core, clinic, nextSlot());
    const [visit] = await core<{ id: string; key: string }[]>`insert into appointment.visits
      (appointment_id, patient_id, provider_id)
      values (${appointmentId}, ${clinic.patientId}, ${clinic.providerIds[0]}) returning id, key`;
    if (visit === undefined) throw new Error('no visit');
    await core`insert into appointment.visit_procedures (visit_key, code, name)
      values (${visit.key}, 'D1110', 'Cleaning'), (${visit.key}, 'D2140', 'Filling')`;
    await core`update appointment.visits set status = 'COMPLETED' where id = ${visit.id}`;
    const data = await expectOne('visit.completed', visit.id);
    expect(data).toMatchObject({ appointment_id: appointmentId, procedure_count: 2 });
  });

  test('invoice.created: the issue, not the draft', async () => {
    const id = await draftInvoice(core, clinic);
    expect(await emitted()).toHaveLength(0);
    await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
    const data = await expectOne('invoice.created', id);
    expect(data).toMatchObject({ total_minor: 10_000, currency: 'SAR' });
  });

  test('payment.received', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    const [payment] = await core<
      { id: string }[]
    >`insert into billing.payments (invoice_id, currency, amount_minor, method)
      values (${invoiceId}, 'SAR', 4000, 'CASH') returning id`;
    const data = await expectOne('payment.received', payment?.id ?? '');
    expect(data).toMatchObject({ invoice_id: invoiceId, amount_minor: 4000, method: 'CASH', late_posted: false });
    const [invoice] = await core`select status, paid_minor from billing.invoices where id = ${invoiceId}`;
    expect(invoice).toMatchObject({ status: 'PARTIALLY_PAID', paid_minor: '4000' });
  });

  test('installment.overdue: once ever, with what remains of it', async () => {
    const id = await draftInvoice(core, clinic, { totalMinor: 100_000 });
    await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
      select i.key, p.number, '2020-01-01'::date + p.number::integer * 30, p.amount
      from billing.invoices i,
        (select row_number() over () as number, amount from billing.split_amount(100000, 3) as amount) p
      where i.id = ${id}`;
    await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
    await core`insert into billing.payments (invoice_id, currency, amount_minor, method)
      values (${id}, 'SAR', 40000, 'TRANSFER')`;
    const workers = database.as('bridgework_workers');
    expect((await workers`select billing.mark_overdue_installments()`)[0]).toEqual({ mark_overdue_installments: 2 });
    expect((await workers`select billing.mark_overdue_installments()`)[0]).toEqual({ mark_overdue_installments: 0 });
    const events = await emitted('installment.overdue');
    expect(events.map(({ data }) => [data.number, data.remaining_minor])).toEqual([
      [2, 26_667],
      [3, 33_333],
    ]);
    for (const { data } of events) {
      expect(Object.keys(data).sort()).toEqual(Object.keys(EVENTS['installment.overdue'].stored.shape).sort());
    }
  });

  test('inventory.low_stock: the crossing, armed again only above', async () => {
    const [item] = await core<{ id: string; key: string }[]>`insert into inventory.items
      (sku, name, reorder_point, unit_cost_minor, unit_cost_currency)
      values ('GLV-M', 'Gloves', 10, 250, 'SAR') returning id, key`;
    if (item === undefined) throw new Error('no item');
    const move = (quantity: number) => core`insert into inventory.stock_movements (item_key, quantity, reason)
      values (${item.key}, ${quantity}, 'ADJUSTMENT')`;
    await move(20);
    expect(await emitted()).toHaveLength(0);
    await move(-10);
    const data = await expectOne('inventory.low_stock', item.id);
    expect(data).toMatchObject({ item_id: item.id, sku: 'GLV-M', on_hand: 10, reorder_point: 10 });
    await move(-5);
    await move(3);
    expect(await emitted()).toHaveLength(1);
    await move(10);
    await core`insert into inventory.visit_materials (visit_id, item_key, quantity) values ('vis_x', ${item.key}, 9)`;
    expect(await emitted()).toHaveLength(2);
  });
});

test('a rollback emits nothing', async () => {
  await expect(
    core.begin(async (tx) => {
      const when = nextSlot();
      await tx`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
        values (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, ${when.startsAt}, ${when.endsAt})`;
      throw new Error('changed my mind');
    }),
  ).rejects.toThrow('changed my mind');
  expect(await emitted()).toHaveLength(0);
});

test('a change of nothing that partners see emits nothing and keeps the sequence', async () => {
  const id = await bookAppointment(core, clinic, nextSlot());
  await core`update appointment.appointments set starts_at = starts_at, status = status where id = ${id}`;
  expect(await emitted('appointment.updated')).toHaveLength(0);
  expect((await core`select sequence from appointment.appointments where id = ${id}`)[0]).toEqual({ sequence: 1 });
});

test('an event that commits late under a lower key is still there to be claimed', async () => {
  const inserted = signal();
  const released = signal();
  const slow = core.begin(async (tx) => {
    const when = nextSlot();
    await tx`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
      values (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, ${when.startsAt}, ${when.endsAt})`;
    inserted.give();
    await released.given;
  });
  await inserted.given;
  const fast = nextSlot();
  await bookAppointment(core, clinic, fast);
  const workers = database.as('bridgework_workers');
  const claim = () => workers<{ key: string }[]>`update outbox.events set fanned_out_at = now() where key in (
    select key from outbox.events where fanned_out_at is null order by key for update skip locked) returning key`;
  const first = await claim();
  released.give();
  await slow;
  const second = await claim();
  expect(second).toHaveLength(1);
  expect(Number(second[0]?.key)).toBeLessThan(Math.max(...first.map(({ key }) => Number(key))));
});
