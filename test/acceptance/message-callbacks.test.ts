import { newId } from '@bridgework/kernel/ids';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { twilioSignature } from '../../subgraphs/integration/src/messages/twilio-callback.ts';
import { whatsAppSignature } from '../../subgraphs/integration/src/messages/whatsapp-callback.ts';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Answer } from '../support/partner.ts';

const PUBLIC_URL = 'https://clinic.example';
const TOKEN = 'twilio auth token';
const SECRET = 'whatsapp app secret';
const PATH = '/api/v1/callbacks/messages';

let clinic: Clinic;
beforeAll(async () => {
  clinic = await startClinic({
    simulator: false,
    gateway: { PUBLIC_URL },
    host: { TWILIO_AUTH_TOKEN: TOKEN, WHATSAPP_APP_SECRET: SECRET, WHATSAPP_VERIFY_TOKEN: 'a word' },
  });
}, 60_000);
afterAll(() => clinic.close());

interface Row {
  readonly status: string;
  readonly status_reason: string | null;
  readonly provider_message_id: string | null;
}

/** A message that a provider was asked to send; no worker touches it before tomorrow. */
async function message(channel: 'SMS' | 'WHATSAPP', status: 'QUEUED' | 'SENT' = 'SENT'): Promise<string> {
  const id = newId('msg');
  const provider = channel === 'SMS' ? 'twilio' : 'whatsapp';
  await clinic.owner`insert into integration.messages (id, channel, template, locale, entity, entity_id, patient_id,
      entity_version, attempts, send_at, send_until, recipient_masked)
    values (${id}, ${channel}, 'appointment_reminder', 'ar', 'appointment', ${id}, 'pat_x', '1', 1, now() + interval '1 day',
      now() + interval '2 days', '••••••67')`;
  if (status === 'SENT') {
    await clinic.owner`update integration.messages set status = 'SENT', sent_at = now(), provider = ${provider},
      provider_message_id = ${`SM${id}`} where id = ${id}`;
  }
  return id;
}
const find = async (id: string): Promise<Row> => {
  const [row] = await clinic.owner<[Row]>`select status, status_reason, provider_message_id from integration.messages
    where id = ${id}`;
  return row;
};
const ends = async (id: string) => {
  const rows =
    await clinic.owner`select result from audit.entries where action = 'message.finish' and entity_id = ${id}`;
  return rows.map(({ result }) => String(result));
};
const optOuts = async () => {
  const rows = await clinic.owner`select phone_e164, channel from appointment.messaging_opt_outs order by phone_e164`;
  return rows.map((row) => [row.phone_e164, row.channel]);
};

function twilio(form: Record<string, string>, options: { query?: string; token?: string; url?: string } = {}) {
  const path = `${PATH}/twilio${options.query ?? ''}`;
  const body = new URLSearchParams(form).toString();
  const signature = twilioSignature(options.token ?? TOKEN, options.url ?? `${PUBLIC_URL}${path}`, body);
  return post(path, body, { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' });
}
function whatsapp(value: object, secret = SECRET): Promise<Answer> {
  const body = JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [{ id: '1', changes: [{ field: 'messages', value }] }],
  });
  return post(`${PATH}/whatsapp`, body, { 'x-hub-signature-256': whatsAppSignature(secret, body) });
}
const post = (path: string, body: string, headers: Record<string, string>) =>
  clinic.fetch(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
const receipt = (id: string, status: string, rest: object = {}) => ({
  statuses: [{ id: `wamid.${id}`, status, biz_opaque_callback_data: id, ...rest }],
});

test("Twilio's own example of a signature is reproduced", () => {
  const form = new URLSearchParams({
    CallSid: 'CA1234567890ABCDE',
    Caller: '+12349013030',
    Digits: '1234',
    From: '+12349013030',
    To: '+18005551212',
  });
  const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
  expect(twilioSignature('12345', url, form.toString())).toBe('0/KCTR6DLpKmkAf8muzZqo1nDgQ=');
});

describe('a receipt', () => {
  test('of Twilio moves its message on; twice, late or out of order it changes nothing', async () => {
    const id = await message('SMS');
    const sid = { MessageSid: `SM${id}` };
    for (const status of ['sent', 'delivered', 'delivered', 'sent', 'undelivered']) {
      expect((await twilio({ ...sid, MessageStatus: status })).status).toBe(204);
    }
    expect(await find(id)).toMatchObject({ status: 'DELIVERED', status_reason: null });
    expect(await ends(id)).toEqual(['OK']);
  });

  test('that comes at once from everywhere ends its message once', async () => {
    const id = await message('SMS');
    const statuses = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? 'delivered' : 'failed'));
    const answers = await Promise.all(
      statuses.map((status) => twilio({ MessageSid: `SM${id}`, MessageStatus: status, ErrorCode: '30003' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect(await ends(id)).toHaveLength(1);
  });

  test('that comes before the answer to the request finds its message by our id', async () => {
    const id = await message('SMS', 'QUEUED');
    const query = `?message=${id}`;
    expect((await twilio({ MessageSid: 'SM123', MessageStatus: 'failed', ErrorCode: '30005' }, { query })).status).toBe(
      204,
    );
    expect(await find(id)).toEqual({ status: 'FAILED', status_reason: 'rejected:30005', provider_message_id: 'SM123' });
    const other = await message('WHATSAPP', 'QUEUED');
    expect((await whatsapp(receipt(other, 'read'))).status).toBe(204);
    expect((await find(other)).status).toBe('DELIVERED');
  });

  test('of WhatsApp says why, in a code alone', async () => {
    const id = await message('WHATSAPP');
    const errors = [{ code: 131_026, title: 'Message to +966501234567 undeliverable' }];
    expect((await whatsapp(receipt(id, 'failed', { errors }))).status).toBe(204);
    expect(await find(id)).toMatchObject({ status: 'FAILED', status_reason: 'rejected:131026' });
  });

  test('of one provider moves no message of another', async () => {
    const id = await message('SMS');
    expect((await whatsapp(receipt(id, 'delivered'))).status).toBe(204);
    expect((await find(id)).status).toBe('SENT');
  });
});

test('what its provider did not sign is refused, whatever is wrong with it, and changes nothing', async () => {
  const id = await message('SMS');
  const form = { MessageSid: `SM${id}`, MessageStatus: 'delivered' };
  const body = new URLSearchParams(form).toString();
  const refused = [
    await twilio(form, { token: 'another token' }),
    await twilio(form, { url: `https://elsewhere.example${PATH}/twilio` }),
    await post(`${PATH}/twilio`, body, {}),
    await post(`${PATH}/twilio`, body, { 'x-twilio-signature': 'x'.repeat(500) }),
    await post(`${PATH}/twilio`, body, { 'x-hub-signature-256': whatsAppSignature(SECRET, body) }),
    await whatsapp(receipt(id, 'delivered'), 'another secret'),
    await twilio({ From: '+966500000001', Body: 'STOP' }, { token: 'another token' }),
  ];
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 401));
  expect((await find(id)).status).toBe('SENT');
  expect(await optOuts()).not.toContainEqual(['+966500000001', 'SMS']);
});

describe('a reply', () => {
  test.each(['STOP', 'إيقاف'])('%s is remembered, and audited once by its patient', async (text) => {
    const [patient] = await clinic.owner<[{ id: string; phone: string }]>`
      select id, phone_e164 as phone from appointment.patients where phone_e164 is not null
        and not exists (select from appointment.messaging_opt_outs gone where gone.phone_e164 = patients.phone_e164) limit 1`;
    for (let time = 0; time < 2; time += 1) {
      expect((await twilio({ From: patient.phone, Body: text, SmsStatus: 'received' })).status).toBe(204);
      const messages = [{ from: patient.phone.slice(1), type: 'text', text: { body: text } }];
      expect((await whatsapp({ messages })).status).toBe(204);
    }
    expect(await optOuts()).toContainEqual([patient.phone, 'SMS']);
    const audit = await clinic.owner`select error_message from audit.entries
      where action = 'message.opt_out' and entity_id = ${patient.id}`;
    expect(audit).toEqual([{ error_message: null }]);
  });

  test('that says anything else is nobody’s business', async () => {
    const before = await optOuts();
    expect((await twilio({ From: '+966500000002', Body: 'Thank you, see you then' })).status).toBe(204);
    expect(await optOuts()).toEqual(before);
  });
});

test('whatever a provider signs is answered, and touches neither messages that ended nor anything of the clinic', async () => {
  const id = await message('WHATSAPP');
  await whatsapp(receipt(id, 'delivered'));
  const clinicRows = () =>
    clinic.owner`select md5(string_agg(t::text, '|' order by key)) from appointment.appointments t`;
  const [before, row] = [await clinicRows(), await find(id)];
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.string({ unit: 'binary' }), async (json, text) => {
      const signed = { 'x-hub-signature-256': whatsAppSignature(SECRET, json) };
      expect((await post(`${PATH}/whatsapp`, json, signed)).status).toBe(204);
      const odd = Buffer.from(text).toString();
      expect((await twilio({ MessageStatus: odd, From: odd, Body: odd, MessageSid: odd })).status).toBe(204);
      expect((await twilio({ MessageStatus: 'delivered', MessageSid: odd })).status).toBe(204);
      const status = { id: odd, status: 'read', biz_opaque_callback_data: odd };
      expect((await whatsapp({ statuses: [status], messages: [{ from: odd, text: { body: odd } }] })).status).toBe(204);
    }),
    { numRuns: 40, examples: [['{}', '\u0000']] },
  );
  expect([await clinicRows(), await find(id)]).toEqual([before, row]);
});

test('Meta learns that the address is ours from who knows the word, and nobody else does', async () => {
  const ask = (token: string, mode = 'subscribe') =>
    clinic.fetch(
      `${PATH}/whatsapp?hub.mode=${mode}&hub.verify_token=${encodeURIComponent(token)}&hub.challenge=1158201444`,
    );
  expect(await ask('a word')).toMatchObject({ status: 200, text: '1158201444' });
  expect((await ask('another word')).status).toBe(401);
  expect((await ask('a word', 'x')).status).toBe(404);
});

test('other providers, verbs and sizes are refused as everywhere', async () => {
  const signed = { 'x-twilio-signature': 'x' };
  expect((await post(`${PATH}/pigeon`, '', signed)).status).toBe(404);
  expect((await post(`${PATH}/twilio`, 'x'.repeat(300_000), signed)).status).toBe(413);
  const put = await clinic.fetch(`${PATH}/twilio`, { method: 'PUT' });
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect(put.headers.get('content-type')).toContain('application/problem+json');
});

describe('managers', () => {
  const QUERY = `query ($filter: MessageFilter) { messages(filter: $filter, first: 5) { edges { node { id channel template locale
    entity entityId patientId recipientMasked status statusReason provider segments attempts sendAt sendUntil sentAt createdAt
    updatedAt } } pageInfo { hasNextPage } } }`;

  test('see messages, masked, and narrow them', async () => {
    const id = await message('SMS');
    const { messages } = await clinic.huda.run(QUERY, { filter: { entityId: id } });
    expect(messages.edges.map(({ node }: { node: object }) => node)).toMatchObject([
      { id, channel: 'SMS', status: 'SENT', provider: 'twilio', recipientMasked: '••••••67', segments: null },
    ]);
    const failed = await clinic.huda.run(QUERY, { filter: { status: 'FAILED', channel: 'WHATSAPP' } });
    for (const { node } of failed.messages.edges) expect([node.status, node.channel]).toEqual(['FAILED', 'WHATSAPP']);
  });

  test('alone do', async () => {
    const answer = await clinic.rana.ask(QUERY, {});
    expect([answer.body.errors[0].extensions.code, answer.body.data ?? null]).toEqual(['FORBIDDEN', null]);
  });
});
