import { expect } from 'vitest';
import { twilioSignature } from '../../../subgraphs/integration/src/messages/twilio-callback.ts';
import { eventually } from '../../support/eventually.ts';
import { MANNERS } from '../../support/message-provider.ts';
import {
  capture,
  criterion,
  expectProblem,
  here,
  issuedInvoice,
  key,
  PUBLIC_URL,
  somePatient,
  TWILIO_TOKEN,
  write,
} from './walk.ts';

criterion(['8.1.1', '8.1.3'], async () => {
  const { clinic, writer } = here();
  const invoiceId = await issuedInvoice(30_000);
  const { status, body } = await write('/payment-confirmations', capture(invoiceId));
  const [row] =
    await clinic.owner`select paid_minor::int as paid, status from billing.invoices where id = ${invoiceId}`;
  expect([status, row?.paid, row?.status]).toEqual([201, 10_000, 'PARTIALLY_PAID']);
  const left = await writer.rest('GET', `/invoices/${invoiceId}/payable`);
  expect(left.body.balance_minor).toBe(20_000);
  return `${body.id}: the system recorded ${body.payment_id}; ${left.body.balance_minor} are left`;
});

criterion(['8.1.2', '8.1.4'], async () => {
  const { clinic } = here();
  const invoiceId = await issuedInvoice(5_000);
  const answer = await write('/payment-confirmations', capture(invoiceId));
  expectProblem(answer, 422, 'amount-exceeds-balance');
  expect(answer.body.balance_minor).toBe(5_000);
  const [row] = await clinic.owner`select paid_minor::int as paid from billing.invoices where id = ${invoiceId}`;
  expect(row?.paid).toBe(0);
  const data = await clinic.huda.run(`{ terminalConfirmations(filter: { invoiceId: "${invoiceId}" }, first: 1) {
    edges { node { id status } } } }`);
  const [{ node }] = data.terminalConfirmations.edges;
  const resolved = await clinic.huda.run(
    `mutation { resolveTerminalConfirmation(id: "${node.id}", resolution: DISMISSED, reason: "walk") { status } }`,
  );
  expect([node.status, resolved.resolveTerminalConfirmation.status]).toEqual(['REJECTED', 'RESOLVED']);
  return `more than is owed: 422, ledger unchanged; ${node.id} waited for a manager and was resolved`;
});

interface Person {
  readonly id: string;
  readonly phone: string;
  /** Books them for tomorrow at this time of theirs; answers what became of the reminder, when it is in this state. */
  remindedOf(
    hours: number,
    state: string,
  ): Promise<{ id: string; statusReason: string | null; recipientMasked: string }>;
}

/** A patient of a dentist and a chair of their own. */
async function newPatient(phone: string, consents: object): Promise<Person> {
  const { clinic } = here();
  const one = async (statement: Promise<readonly { id: string }[]>) => (await statement)[0]?.id ?? '';
  const id = await one(clinic.core`insert into appointment.patients (full_name, phone_e164, consents, locale)
    values ('Walk', ${phone}, ${clinic.core.json(consents as never)}, 'en') returning id`);
  const provider = await one(
    clinic.core`insert into appointment.providers (name, specialty) values ('Walk', 'Any') returning id`,
  );
  const chair = await one(clinic.core`insert into appointment.chairs (name) values (${phone}) returning id`);
  return {
    id,
    phone,
    async remindedOf(hours, state) {
      const appointment = await one(clinic.core`insert into appointment.appointments
          (patient_id, provider_id, chair_id, starts_at, ends_at)
        values (${id}, ${provider}, ${chair}, now() + ${hours} * interval '1 hour',
          now() + ${hours} * interval '1 hour' + interval '20 minutes') returning id`);
      return messageOf(appointment, state);
    },
  };
}

const messageOf = (entityId: string, status: string) =>
  eventually(
    async () => {
      const { messages } = await here().clinic.huda.run(
        `query ($id: ID!) { messages(filter: { entityId: $id }, first: 5) { edges { node {
          id template status statusReason recipientMasked provider attempts } } } }`,
        { id: entityId },
      );
      return messages.edges.find(({ node }: { node: { status: string } }) => node.status === status)?.node;
    },
    { withinMs: 20_000, what: `the reminder of ${entityId} is ${status}` },
  );

function callBack(form: Record<string, string>, token = TWILIO_TOKEN) {
  const path = '/api/v1/callbacks/messages/twilio';
  const body = new URLSearchParams(form).toString();
  return here().clinic.fetch(path, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': twilioSignature(token, `${PUBLIC_URL}${path}`, body),
    },
  });
}

criterion(['8.2.1', '8.2.3', '8.2.4'], async () => {
  const { sms, clinic } = here();
  sms.behave(MANNERS.accept);
  const patient = await newPatient('+966500000901', { sms: true });
  const message = await patient.remindedOf(20, 'SENT');
  const sent = sms.sent.find(({ messageId }) => messageId === message.id);
  expect(new URLSearchParams(sent?.body).get('Body')).toContain('your appointment is on');
  expect(message.recipientMasked).toBe('••••••01');
  const [row] =
    await clinic.owner`select provider_message_id as sid from integration.messages where id = ${message.id}`;
  const receipt = { MessageSid: String(row?.sid), MessageStatus: 'delivered' };
  expect((await callBack(receipt, 'forged')).status).toBe(401);
  await messageStays(message.id, 'SENT');
  expect((await callBack(receipt)).status).toBe(204);
  await messageStays(message.id, 'DELIVERED');
  expect((await callBack({ MessageSid: 'SM9', From: patient.phone, Body: 'STOP' })).status).toBe(204);
  const after = await patient.remindedOf(21, 'SUPPRESSED');
  const silent = await newPatient('+966500000902', {});
  const never = await silent.remindedOf(20, 'SUPPRESSED');
  expect([after.statusReason, never.statusReason]).toEqual(['opted-out', 'no-consent']);
  return `${message.id} to ${message.recipientMasked} by SMS; a forged receipt: 401, a signed one: DELIVERED; after STOP: ${after.statusReason}; without consent: ${never.statusReason}`;
});

async function messageStays(id: string, status: string): Promise<void> {
  const [row] = await here().clinic.owner`select status from integration.messages where id = ${id}`;
  expect(row?.status).toBe(status);
}

criterion('8.2.2', async () => {
  const { sms, clinic } = here();
  sms.behave(MANNERS.accept);
  const patient = await newPatient('+966500000903', { sms: true });
  const [invoice] = await clinic.core<
    { id: string }[]
  >`insert into billing.invoices (patient_id, currency, total_minor, due_on)
    values (${patient.id}, 'SAR', 12345, current_date + 1) returning id`;
  await clinic.core`update billing.invoices set status = 'ISSUED' where id = ${invoice?.id ?? ''}`;
  const message = await messageOf(invoice?.id ?? '', 'SENT');
  const text = new URLSearchParams(sms.sent.find(({ messageId }) => messageId === message.id)?.body).get('Body');
  expect(text).toContain('123.45');
  return `${message.id} ${message.template}: of what is owed, by SMS`;
});

criterion('8.2.5', async () => {
  const { sms, clinic } = here();
  sms.behave(MANNERS.refuse);
  const patient = await newPatient('+966500000904', { sms: true });
  await patient.remindedOf(20, 'QUEUED');
  const tried = await eventually(() => sms.sent.filter(({ body }) => body.includes('966500000904')).length > 0, {
    withinMs: 20_000,
  });
  expect(tried).toBe(true);
  const [row] = await clinic.owner`select status from appointment.appointments where patient_id = ${patient.id}`;
  expect(row?.status).toBe('SCHEDULED');
  sms.behave(MANNERS.accept);
  return 'the provider refused; the appointment stands as the clinic booked it, and the reminder is tried again';
});

criterion(['8.3.1', '8.3.2', '8.3.3'], async () => {
  const { writer } = here();
  const reference = {
    patient_id: await somePatient(),
    study_instance_uid: '1.2.3',
    series_instance_uid: '1.2.3.4',
    sop_instance_uid: '1.2.3.4.5',
    modality: 'IO',
    taken_at: '2026-01-01T08:00:00Z',
    uri: 'https://pacs.partner.example/1',
    content_type: 'application/dicom',
    byte_size: 1,
    sha256: 'ab'.repeat(32),
    metadata: { سنّ: '16' },
  };
  const kept = await write('/imaging-references', reference, key());
  const read = await writer.rest('GET', `/imaging-references/${kept.body.id}`);
  expect([kept.status, read.body.uri, read.body.metadata]).toEqual([201, reference.uri, reference.metadata]);
  const bytes = await write('/imaging-references', { ...reference, uri: 'data:image/png;base64,AAAA' });
  expectProblem(bytes, 413, 'payload-too-large');
  return `${kept.body.id} refers, with its metadata; an image itself: ${bytes.status}`;
});
