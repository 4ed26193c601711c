import { randomBytes } from 'node:crypto';
import { EVENT_TYPES, SCOPE_NAMES } from '@bridgework/schema';
import { expect, test } from 'vitest';
import { type Clinic, createFilledDatabase, startClinic } from '../../support/clinic.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeProvider, startMessageProvider } from '../../support/message-provider.ts';
import type { Partner } from '../../support/partner.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';
import { ITEMS, type ItemId } from './items.ts';

/** One throw-away clinic for the whole walk, its partners, and those outside it that fail when they are told to. */
export interface Walk {
  readonly clinic: Clinic;
  /** Holds every read scope and webhook:receive; is told of every event. */
  readonly reader: Partner;
  /** Holds the write scopes alone. */
  readonly writer: Partner;
  readonly endpointSecret: string;
  readonly sms: FakeProvider;
  /** Of a partner in trouble. */
  readonly failing: Receiver;
}

let walk: Walk | undefined;
/** The clinic of the walk; only inside a test. */
export function here(): Walk {
  if (walk === undefined) throw new Error('The walk has not begun.');
  return walk;
}

export const PUBLIC_URL = 'https://clinic.example';
export const TWILIO_TOKEN = 'the auth token of the walk';
const READS = SCOPE_NAMES.filter((scope) => scope.startsWith('read:') && scope !== 'read:patients:identified');

export async function beginWalk(): Promise<void> {
  const [database, sms, failing] = await Promise.all([createFilledDatabase(), startMessageProvider(), startReceiver()]);
  await putClinicAtNoon(database.as('owner', 1));
  const twilio = { TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: TWILIO_TOKEN, TWILIO_FROM: '+15005550006' };
  const clinic = await startClinic({
    database,
    egressAllow: [sms.origin, failing.origin],
    messagesEveryMs: 100,
    gateway: { PUBLIC_URL },
    host: { TWILIO_AUTH_TOKEN: TWILIO_TOKEN },
    workers: { ...twilio, TWILIO_URL: sms.origin, PUBLIC_URL },
  });
  const reader = await clinic.partner({ scopes: [...READS, 'webhook:receive'] });
  const writer = await clinic.partner({
    scopes: ['write:payments', 'write:appointments', 'write:imaging'],
    allowedImageHosts: ['pacs.partner.example'],
  });
  walk = { clinic, reader, writer, endpointSecret: '', sms, failing };
  const { secret } = await addEndpoint(clinic.receiver.url, EVENT_TYPES);
  walk = { ...walk, endpointSecret: secret };
}

export async function endWalk(): Promise<void> {
  await walk?.clinic.close();
  await Promise.all([walk?.sms.close(), walk?.failing.close()]);
}

/** Reminders go out by day: the clinic lies where it is noon now. */
async function putClinicAtNoon(owner: Clinic['owner']): Promise<void> {
  const ahead = 12 - new Date().getUTCHours();
  const zone = ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
  await owner`update appointment.clinic_settings set time_zone = ${zone}`;
}

const proofs = new Map<ItemId, string>();
export const proven = (): ReadonlyMap<ItemId, string> => proofs;

/** Entries that hold when their proof runs through; what the proof saw is printed beside each. */
export function criterion(ids: ItemId | readonly ItemId[], prove: () => Promise<string>): void {
  const all = typeof ids === 'string' ? [ids] : ids;
  test(all.map((id) => `§${id} ${ITEMS[id]}`).join(' · '), async () => {
    const seen = await prove();
    for (const id of all) proofs.set(id, seen);
  });
}

export const key = (): string => randomBytes(8).toString('hex');

export async function first(statement: string): Promise<string> {
  const [row] = await here().clinic.owner.unsafe<{ id: string }[]>(statement);
  if (row === undefined) throw new Error(`Nothing for: ${statement}`);
  return row.id;
}
export const somePatient = () =>
  first('select id from appointment.patients where phone_e164 is not null order by key limit 1');
export const someProvider = () => first('select id from appointment.providers where active order by key limit 1');

export async function issuedInvoice(totalMinor: number, dueIn = 30): Promise<string> {
  const { core } = here().clinic;
  const [row] = await core<{ id: string }[]>`insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', ${totalMinor}, current_date + ${dueIn}::integer from appointment.patients order by key limit 1 returning id`;
  await core`update billing.invoices set status = 'ISSUED' where id = ${row?.id ?? ''}`;
  return row?.id ?? '';
}

export const capture = (invoiceId: string, said: object = {}) => ({
  invoice_id: invoiceId,
  amount_minor: 10_000,
  currency: 'SAR',
  terminal_id: 'desk',
  terminal_txn_id: key(),
  captured_at: new Date().toISOString(),
  ...said,
});

export const write = (path: string, body: object, idempotencyKey = key(), partner = here().writer) =>
  partner.rest('POST', path, { body, headers: { 'idempotency-key': idempotencyKey } });

export async function appointmentRow(day: string, external: string, said: object = {}) {
  const [patient_id, provider_id] = await Promise.all([somePatient(), someProvider()]);
  const [starts_at, ends_at] = [`${day}T08:00:00Z`, `${day}T08:30:00Z`];
  return { external_id: external, patient_id, provider_id, starts_at, ends_at, ...said };
}

/** An ACTIVE endpoint of the reader's. */
export async function addEndpoint(
  url: string,
  eventTypes: readonly string[],
  said: object = {},
): Promise<{ id: string; secret: string }> {
  const { clinic, reader } = here();
  const { createWebhookEndpoint } = await clinic.huda.run(
    `mutation ($input: CreateWebhookEndpointInput!, $key: String!) {
      createWebhookEndpoint(input: $input, idempotencyKey: $key) { secret endpoint { id } } }`,
    { key: key(), input: { integrationId: reader.integrationId, name: 'walk', url, eventTypes, ...said } },
  );
  const { id } = createWebhookEndpoint.endpoint;
  await eventually(async () => {
    const [row] = await clinic.owner`select status from integration.webhook_endpoints where id = ${id}`;
    return row?.status === 'ACTIVE';
  });
  return { id, secret: createWebhookEndpoint.secret };
}

/** Something happens in the clinic, as its own application would do it. */
export async function happen(type: string, times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await here().clinic.omar.run(
      'mutation ($type: EventType!, $key: String!) { simulateCoreEvent(type: $type, idempotencyKey: $key) { id } }',
      { type, key: key() },
    );
  }
}

/** Alerts about one thing, as a manager sees them. */
export const alertsOf = (entityId: string, kind: string) =>
  eventually(
    async () => {
      const { alerts } = await here().clinic.huda.run(`{ alerts(first: 100) { edges { node { id kind entityId } } } }`);
      return alerts.edges.find(
        ({ node }: { node: { kind: string; entityId: string } }) => node.kind === kind && node.entityId === entityId,
      )?.node;
    },
    { withinMs: 15_000, what: `managers hear ${kind}` },
  );

export const expectProblem = (answer: { status: number; body: { type?: string } }, status: number, slug: string) =>
  expect([answer.status, answer.body.type]).toEqual([status, `${PUBLIC_URL}/api/v1/problems/${slug}`]);
