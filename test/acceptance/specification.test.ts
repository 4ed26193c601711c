import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, type Partner, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';

/**
 * Walks the specification's acceptance criteria and mandatory lists through the front door of a running, throw-away clinic and
 * prints each with what was seen: `npm run acceptance`. The rules behind them are proven one by one in docs/rules.md.
 */
const EVENTS = [
  'appointment.created',
  'appointment.updated',
  'appointment.completed',
  'visit.completed',
  'invoice.created',
  'payment.received',
  'installment.overdue',
  'inventory.low_stock',
];

let clinic: Clinic;
let reader: Partner;
let writer: Partner;
let endpointSecret: string;
const proofs: string[] = [];
const key = () => randomBytes(8).toString('hex');

beforeAll(async () => {
  clinic = await startClinic();
  reader = await clinic.partner({
    scopes: [
      'read:appointments',
      'read:visits',
      'read:patients',
      'read:invoices',
      'read:inventory',
      'read:reports',
      'read:financials',
      'webhook:receive',
    ],
  });
  writer = await clinic.partner({
    scopes: ['write:payments', 'write:appointments', 'write:imaging'],
    allowedImageHosts: ['pacs.partner.example'],
  });
  const { createWebhookEndpoint } = await clinic.huda.run(
    `mutation ($input: CreateWebhookEndpointInput!, $key: String!) {
      createWebhookEndpoint(input: $input, idempotencyKey: $key) { secret endpoint { id } } }`,
    {
      key: key(),
      input: { integrationId: reader.integrationId, name: 'walk', url: clinic.receiver.url, eventTypes: EVENTS },
    },
  );
  endpointSecret = createWebhookEndpoint.secret;
  await eventually(async () => {
    const [row] = await clinic.owner`select status from integration.webhook_endpoints
      where id = ${createWebhookEndpoint.endpoint.id}`;
    return row?.status === 'ACTIVE';
  });
});
afterAll(async () => {
  await clinic?.close();
  console.log(`\n${proofs.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).join('\n')}\n`);
});

/** A criterion that holds when its proof runs through; what the proof saw is printed beside it. */
const criterion = (section: string, claim: string, prove: () => Promise<string>) =>
  test(`§${section} ${claim}`, async () => {
    proofs.push(`§${section} ${claim}\n    ${await prove()}`);
  });

const first = async (statement: string): Promise<string> => {
  const [row] = await clinic.owner.unsafe<{ id: string }[]>(statement);
  return row?.id ?? '';
};
async function issuedInvoice(totalMinor: number): Promise<string> {
  const [row] = await clinic.core<
    { id: string }[]
  >`insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', ${totalMinor}, current_date + 30 from appointment.patients limit 1 returning id`;
  await clinic.core`update billing.invoices set status = 'ISSUED' where id = ${row?.id ?? ''}`;
  return row?.id ?? '';
}
const capture = (invoiceId: string, said: object = {}) => ({
  invoice_id: invoiceId,
  amount_minor: 10_000,
  currency: 'SAR',
  terminal_id: 'desk',
  terminal_txn_id: key(),
  captured_at: new Date().toISOString(),
  ...said,
});
const write = (path: string, body: object, idempotencyKey = key()) =>
  writer.rest('POST', path, { body, headers: { 'idempotency-key': idempotencyKey } });
const appointmentRow = (day: string, external: string) => ({
  external_id: external,
  starts_at: `${day}T08:00:00Z`,
  ends_at: `${day}T08:30:00Z`,
});

criterion('3.1', 'the clinic system is authoritative', async () => {
  const row = {
    ...appointmentRow('2035-01-02', 'authority'),
    patient_id: await first('select id from appointment.patients limit 1'),
    provider_id: await first('select id from appointment.providers where active limit 1'),
  };
  await write('/appointment-imports', { rows: [row] });
  const moved = { ...row, starts_at: '2035-01-02T10:00:00Z', ends_at: '2035-01-02T10:30:00Z' };
  const answer = await write('/appointment-imports', { rows: [moved] });
  expect([answer.status, answer.body.type]).toEqual([409, '/api/v1/problems/clinic-authoritative']);
  return `an import with other content for a known external id: ${answer.status} clinic-authoritative`;
});

criterion('3.2', 'explicit contracts: nothing undocumented is taken', async () => {
  const answer = await reader.rest('GET', '/appointments?sort=name');
  expect([answer.status, answer.body.type]).toEqual([400, '/api/v1/problems/unknown-field']);
  const { body } = await clinic.fetch('/api/v1/openapi.json');
  return `an unknown parameter: 400 unknown-field; OpenAPI ${body.openapi} documents ${Object.keys(body.paths).length} paths`;
});

criterion('3.4', 'all writes are idempotent', async () => {
  const body = capture(await issuedInvoice(10_000));
  const idempotencyKey = key();
  const answers = await Promise.all([1, 2, 3].map(() => write('/payment-confirmations', body, idempotencyKey)));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const missing = await writer.rest('POST', '/payment-confirmations', { body });
  expect(missing.body.type).toBe('/api/v1/problems/idempotency-key-missing');
  return `three at once under one key: one payment ${answers[0]?.body.payment_id}; without a key: ${missing.status}`;
});

criterion('3.5', 'least privilege: a scope that is not held is named and refused', async () => {
  const answer = await writer.rest('GET', '/appointments');
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
    403,
    expect.stringContaining('scope="read:appointments"'),
  ]);
  return `${answer.status}, ${answer.headers.get('www-authenticate')}`;
});

criterion('4.1', 'external systems never call internal modules', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const asked = request(
      {
        socketPath: clinic.socketOf('billing'),
        path: '/graphql',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    asked.on('error', reject);
    asked.end('{"query":"{ _service { sdl } }"}');
  });
  expect(status).toBe(401);
  return `a subgraph asked without the gateway's signature: ${status}, not even its SDL`;
});

criterion('5.1', 'integration tokens: attributes, managers alone, ACTIVE or REVOKED', async () => {
  const me = await reader.rest('GET', '/me');
  expect(me.body).toMatchObject({ token_id: reader.tokenId, scopes: expect.arrayContaining(['read:appointments']) });
  const [row] = await clinic.owner`select name, status, scopes, expires_at, created_by, created_at
    from integration.tokens where id = ${reader.tokenId}`;
  expect(Object.values(row ?? {}).every((value) => value !== null)).toBe(true);
  const refused = await clinic.rana.ask(`mutation { revokeToken(id: "${reader.tokenId}") { id } }`);
  expect(refused.body.errors[0].extensions.code).toBe('FORBIDDEN');
  const spare = await clinic.partner({ scopes: ['read:visits'] });
  await clinic.huda.run(`mutation { revokeToken(id: "${spare.tokenId}", reason: "walk") { status } }`);
  await eventually(async () => (await spare.rest('GET', '/me')).status === 401, { withinMs: 1_000 });
  return `${reader.tokenId} ${row?.status}; a receptionist: FORBIDDEN; revoked: 401 within a second`;
});

criterion('5.2', 'write scopes need another person, a reason and an expiry', async () => {
  const answer = await clinic.huda.ask(
    `mutation ($input: IssueTokenInput!) { issueToken(input: $input, idempotencyKey: "${key()}") { secret } }`,
    { input: { integrationId: writer.integrationId, name: 'forever', scopes: ['write:payments'] } },
  );
  expect(answer.body.errors).toHaveLength(1);
  return `a write token without an expiry: ${answer.body.errors[0].extensions.code}`;
});

criterion('6.1', 'RESTful, JSON only, UTF-8, versioned paths, Arabic as it came', async () => {
  const xml = await reader.rest('GET', '/me', { headers: { accept: 'application/xml' } });
  const answer = await reader.rest('GET', '/appointments?limit=1');
  expect([xml.status, answer.headers.get('content-type')]).toEqual([406, 'application/json; charset=utf-8']);
  return `Accept: application/xml: 406; ${answer.headers.get('content-type')}; API-Version ${answer.headers.get('api-version')}`;
});

criterion('6.2', 'a breaking change is a new major version, the old one goes on', async () => {
  const { body } = await clinic.fetch('/api/v1/versions');
  expect(body.versions.length).toBeGreaterThan(1);
  return body.versions.map((one: { major: string; status: string }) => `${one.major} ${one.status}`).join(', ');
});

criterion('6.3', 'read-only: appointments, visit summaries, aggregated reports; no financial mutation', async () => {
  const seen: string[] = [];
  for (const path of [
    '/appointments?limit=1',
    '/visits?limit=1',
    '/reports/visit-volume?from=2026-02-01&to=2026-02-28',
  ]) {
    const { status } = await reader.rest('GET', path);
    expect(status, path).toBe(200);
    seen.push(`${path.replace(/\?.*/, '')} ${status}`);
  }
  const change = await reader.rest('PATCH', '/invoices/inv_x/payable', { body: {} });
  expect(change.status).toBe(405);
  return `${seen.join(', ')}; PATCH of an invoice: ${change.status}`;
});

criterion('6.4', 'restricted writes: confirmation from a terminal, trusted import', async () => {
  const { status, body } = await write('/appointment-imports', {
    rows: [
      {
        ...appointmentRow('2035-02-05', 'trusted'),
        patient_id: await first('select id from appointment.patients limit 1'),
        provider_id: await first('select id from appointment.providers where active limit 1'),
      },
    ],
  });
  expect([status, body.imported_count]).toEqual([201, 1]);
  return `import ${body.id}: ${body.status}, ${body.imported_count} booked`;
});

test.each(EVENTS)('§7.1 %s', async (type) => {
  await clinic.omar.run(
    'mutation ($type: EventType!, $key: String!) { simulateCoreEvent(type: $type, idempotencyKey: $key) { id } }',
    {
      type,
      key: key(),
    },
  );
  const { payload, headers, body } = await eventually(
    () => clinic.receiver.events.find((event) => event.payload.event_type === type),
    { withinMs: 10_000 },
  );
  for (const field of ['event_id', 'event_type', 'occurred_at', 'entity_type', 'entity_id', 'data', 'signature']) {
    expect(payload, `§7.3 ${field}`).toHaveProperty(field);
  }
  expect(() => new Webhook(endpointSecret).verify(body, headers)).not.toThrow();
  proofs.push(
    `§7.1 ${type}\n    ${payload.event_id}, verified by a Standard Webhooks library, with all fields of §7.3`,
  );
});

criterion('7.2', 'a failed delivery is tried again under the same event_id', async () => {
  let refused = false;
  clinic.receiver.answer(() => {
    if (refused) return 204;
    refused = true;
    return 503;
  });
  await clinic.omar.run(
    `mutation { simulateCoreEvent(type: "appointment.created", idempotencyKey: "${key()}") { id } }`,
  );
  const repeated = await eventually(
    () => {
      const ids = clinic.receiver.events.map(({ payload }) => payload.event_id);
      return ids.find((id, at) => ids.indexOf(id) !== at);
    },
    { withinMs: 15_000 },
  );
  return `${repeated} came twice: 503, then 204`;
});

criterion('8.1', 'a terminal confirms only; the balance is validated', async () => {
  const invoiceId = await issuedInvoice(5_000);
  const answer = await write('/payment-confirmations', capture(invoiceId));
  expect(answer.body).toMatchObject({ type: '/api/v1/problems/amount-exceeds-balance', balance_minor: 5_000 });
  const [row] = await clinic.owner`select paid_minor::int as paid from billing.invoices where id = ${invoiceId}`;
  expect(row?.paid).toBe(0);
  const data = await clinic.huda.run(`{ terminalConfirmations(filter: { invoiceId: "${invoiceId}" }, first: 1) {
    edges { node { id status } } } }`);
  const [{ node }] = data.terminalConfirmations.edges;
  await clinic.huda.run(
    `mutation { resolveTerminalConfirmation(id: "${node.id}", resolution: DISMISSED, reason: "walk") { status } }`,
  );
  return `more than is owed: 422, ledger unchanged; ${node.id} waited for a manager and was resolved`;
});

criterion('8.3', 'devices push references and metadata, never images', async () => {
  const reference = {
    patient_id: await first('select id from appointment.patients limit 1'),
    study_instance_uid: '1.2.3',
    series_instance_uid: '1.2.3.4',
    sop_instance_uid: '1.2.3.4.5',
    modality: 'IO',
    taken_at: '2026-01-01T08:00:00Z',
    uri: 'https://pacs.partner.example/1',
    content_type: 'application/dicom',
    byte_size: 1,
    sha256: 'ab'.repeat(32),
  };
  const kept = await write('/imaging-references', reference);
  const bytes = await write('/imaging-references', { ...reference, uri: `data:image/png;base64,AAAA` });
  expect([kept.status, bytes.status]).toEqual([201, 413]);
  return `${kept.body.id} refers; an image itself: ${bytes.status}`;
});

criterion('9', 'three exports: snapshots of closed periods, immutable, timestamped, audited', async () => {
  const month = '2025-01';
  await clinic.huda.run(
    `mutation { closeBusinessDay(date: "2025-01-31") { status } closeMonth(month: "${month}") { status } }`,
  );
  const made: string[] = [];
  for (const [kind, period] of [
    ['DAILY_COLLECTED_REVENUE', '2025-01-31'],
    ['MONTHLY_PROFIT_SUMMARY', month],
    ['DEFERRED_RECEIVABLES_AGING', '2025-01-31'],
  ]) {
    const body = { kind, period };
    const ask = () => reader.rest('POST', '/exports', { body, headers: { 'idempotency-key': key() } });
    const one = await ask();
    const two = await ask();
    expect([one.status, two.status, two.body.id], kind).toEqual([201, 200, one.body.id]);
    const file = await reader.rest('GET', `/exports/${one.body.id}/content?format=pdf`);
    expect(file.status).toBe(200);
    await clinic.audited({ action: 'export.download', result: 'OK', entityId: one.body.id });
    made.push(`${kind} ${one.body.id} (${one.body.generated_at})`);
  }
  const open = await reader.rest('POST', '/exports', {
    body: { kind: 'DAILY_COLLECTED_REVENUE', period: new Date().toISOString().slice(0, 10) },
    headers: { 'idempotency-key': key() },
  });
  expect(open.body.type).toBe('/api/v1/problems/period-open');
  return `${made.join(', ')}; of an open day: ${open.status}`;
});

criterion('10.1', 'strict validation, no partial processing', async () => {
  const patient_id = await first('select id from appointment.patients limit 1');
  const provider_id = await first('select id from appointment.providers where active limit 1');
  const rows = [
    { ...appointmentRow('2035-03-05', 'good'), patient_id, provider_id },
    { ...appointmentRow('2035-03-06', 'bad'), patient_id: 'pat_nobody', provider_id },
  ];
  const { status, body } = await write('/appointment-imports', { rows });
  expect([status, body.errors]).toEqual([400, [expect.objectContaining({ pointer: '/rows/1' })]]);
  const [row] = await clinic.owner`select count(*)::int as n from appointment.appointments where external_id = 'good'`;
  expect(row?.n).toBe(0);
  return `one bad row of two: ${status}, at ${body.errors[0].pointer}, nothing booked`;
});

test.each([
  ['token create', 'token.issue', 'OK'],
  ['token revoke', 'token.revoke', 'OK'],
  ['external write', 'payment.confirm', 'OK'],
  ['refused external write', 'payment.confirm', 'REJECTED'],
  ['webhook delivery', 'webhook.deliver', 'OK'],
  ['export generation', 'export.generate', 'OK'],
  ['export download', 'export.download', 'OK'],
])('§11.1 %s is audited', async (name, action, result) => {
  const entry = await clinic.audited({ action, result });
  for (const field of ['integration_id', 'action', 'entity', 'entity_id', 'occurred_at', 'result', 'error_message']) {
    expect(entry).toHaveProperty(field);
  }
  proofs.push(`§11.1 ${name}\n    ${entry.id} ${action} ${result}`);
});

criterion('12', 'minimum fields, masked persons, random identifiers', async () => {
  const id = await first('select id from appointment.patients where phone_e164 is not null limit 1');
  const { body } = await reader.rest('GET', `/patients/${id}`);
  expect(body.phone_masked).toMatch(/^•+\d\d$/);
  expect(body.identified).toBeNull();
  expect(id).toMatch(/^pat_[0-9a-z]{26}$/);
  return `${id}: phone ${body.phone_masked}`;
});

criterion('13', 'five governance fields, an approval by another person, a registry', async () => {
  const own = await clinic.huda.ask(`mutation { approveIntegration(id: "${reader.integrationId}") { id } }`);
  expect(own.body.errors).toHaveLength(1);
  const { integration } = await clinic.huda.run(`{ integration(id: "${reader.integrationId}") {
    name purpose status approvedScopes businessJustification dataScope riskAssessment internalOwner reviewDueOn } }`);
  expect(Object.values(integration).every((value) => value !== null)).toBe(true);
  return `${integration.name}: ${integration.status}, owner ${integration.internalOwner}, review on ${integration.reviewDueOn}`;
});

criterion('14', 'a sandbox with fake data; production tokens are refused in it', async () => {
  const me = await reader.rest('GET', '/me');
  expect(me.body.integration.environment).toBe('sandbox');
  const foreign = await clinic.fetch('/api/v1/me', {
    headers: { authorization: `Bearer ${reader.token.replace('dci_test_', 'dci_live_')}` },
  });
  expect(foreign.status).toBe(401);
  return `environment ${me.body.integration.environment}; a live token: ${foreign.status}`;
});

criterion('15.5', 'integration failures never block clinic operations', async () => {
  clinic.receiver.answer(() => 'never');
  const startedAt = performance.now();
  await issuedInvoice(1_000);
  const ms = performance.now() - startedAt;
  expect(ms).toBeLessThan(2_000);
  clinic.receiver.answer(() => 204);
  return `with a receiver that never answers the clinic issued an invoice in ${Math.round(ms)} ms`;
});
