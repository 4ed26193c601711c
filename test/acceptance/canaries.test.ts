import { randomInt } from 'node:crypto';
import { createLogger } from '@bridgework/kernel/logger';
import { EVENT_TYPES, SCOPE_NAMES } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';

/**
 * Fifty-one pieces of personal data that exist nowhere else: of seventeen patients the family name, the telephone number and
 * the address. Partners who were not granted them ask for everything, and send them in every place that takes text.
 */
const PATIENTS = 17;
const GRANTED = 'read:patients:identified';
const lines: string[] = [];
let redis: TestRedis | undefined;
let clinic: Clinic;
let masked: Partner;
let identified: Partner;
let patients: { readonly id: string; readonly canaries: readonly [string, string, string] }[];
/** Whatever left towards those who were not granted it: heads and bodies. */
const told: string[] = [];

describe.each([
  { how: 'Redis', missing: whyNoRedis() },
  { how: 'PostgreSQL', missing: undefined },
])('fifty planted pieces of personal data, with the queue on $how', ({ how, missing }) => {
  describe.skipIf(missing !== undefined)(missing ?? 'as it runs', () => {
    beforeAll(async () => {
      redis = how === 'Redis' ? await openRedis() : undefined;
      lines.length = 0;
      told.length = 0;
      clinic = await startClinic({
        simulator: false,
        ...(redis === undefined ? {} : { redisUrl: redis.url }),
        log: createLogger('canaries', { level: 'trace', destination: { write: (line) => lines.push(line) } }),
        gateway: { TOKEN_REQUESTS_PER_MINUTE: '100000', INTEGRATION_REQUESTS_PER_MINUTE: '100000' },
      });
      patients = await Promise.all(Array.from({ length: PATIENTS }, (_, number) => plant(number)));
      masked = await clinic.partner({ scopes: SCOPE_NAMES.filter((scope) => scope !== GRANTED), adHoc: true });
      identified = await clinic.partner({ scopes: ['read:patients', GRANTED] });
      await openEndpoint();
      for (const [number, { id }] of patients.entries()) await live(id, number);
      await eventually(() => clinic.receiver.events.length >= PATIENTS * 3, {
        withinMs: 15_000,
        what: 'events arrive',
      });
    }, 120_000);
    afterAll(async () => {
      await clinic?.close();
      await redis?.close();
    });

    test('whoever was granted them sees each: they are there to be leaked', async () => {
      for (const { id, canaries } of patients) {
        const { text } = await identified.rest('GET', `/patients/${id}`);
        for (const canary of canaries) expect(text).toContain(canary);
      }
    });

    test('no body and no header tells one of them to whoever asks for all there is without the grant', async () => {
      for (const path of await everyPath()) keep(await masked.rest('GET', path));
      for (const { id } of patients) {
        keep(await masked.rest('GET', `/patients/${id}`));
        keep(await masked.graphql({ query: '{ me { name } }', variables: { id } }));
        for (const query of queries(id)) keep(await masked.graphql({ query }));
      }
      expectNone(told);
      expect(told.length).toBeGreaterThan(PATIENTS * 4);
    });

    test('no problem, no error, no audit message and no log line repeats one that was sent to us', async () => {
      const answers: Answer[] = [];
      for (const { canaries } of patients)
        for (const canary of canaries) answers.push(...(await sendEverywhere(canary)));
      expect(Math.min(...answers.map(({ status }) => status))).toBeGreaterThanOrEqual(400);
      answers.forEach(keep);
      expectNone(told);
    });

    test('a key that no contract knows is told to its sender and to nobody else', async () => {
      for (const { canaries } of patients) {
        const { status } = await masked.rest('POST', '/payment-confirmations', {
          body: { [canaries[0]]: 1 },
          headers: { 'idempotency-key': 'k' },
        });
        expect(status).toBe(400);
      }
    });

    test('no webhook, no queue, no log line, no table but the one of patients holds one', async () => {
      const last = await masked.rest('POST', '/payment-confirmations', { body: '{' });
      await clinic.audited({
        action: 'payment.confirm',
        result: 'REJECTED',
        requestId: last.headers.get('request-id') ?? '',
      });
      expectNone(clinic.receiver.events.map(({ headers, body }) => JSON.stringify(headers) + body));
      expectNone(clinic.receiver.challenges.map(({ headers, body }) => JSON.stringify(headers) + body));
      expectNone(lines);
      const queued = (await redis?.dump()) ?? (await queueTables());
      expectNone([queued]);
      expect(await tablesWithCanaries()).toEqual(['appointment.patients']);
      // Or there was nothing to find.
      expect(lines.length).toBeGreaterThan(300);
      expect(queued.length).toBeGreaterThan(100);
    });
  });
});

const all = (): string[] => patients.flatMap(({ canaries }) => canaries);

function keep({ headers, text }: Answer): void {
  told.push(`${JSON.stringify([...headers])}\n${text}`);
}

function expectNone(texts: readonly string[]): void {
  for (const text of texts) {
    const folded = text.toLowerCase();
    expect(
      all().filter((canary) => folded.includes(canary.toLowerCase())),
      text.slice(0, 400),
    ).toEqual([]);
  }
}

async function plant(number: number): Promise<(typeof patients)[number]> {
  const mark = Array.from({ length: 12 }, () => 'bcdfghjklmnpqrstvwxz'[randomInt(20)]).join('');
  const canaries = [
    `Q${mark}`,
    `+9665${String(number).padStart(2, '0')}${randomInt(10 ** 6, 10 ** 7)}`,
    `${mark}@canary.example`,
  ] as const;
  const [row] = await clinic.core<{ id: string }[]>`
    insert into appointment.patients (full_name, phone_e164, email)
    values (${`Sara ${canaries[0]}`}, ${canaries[1]}, ${canaries[2]}) returning id`;
  return { id: row?.id ?? '', canaries };
}

async function openEndpoint(): Promise<void> {
  const { body } = await masked.rest('POST', '/webhook-endpoints', {
    body: { name: 'all', url: `${clinic.receiver.origin}/all`, event_types: EVENT_TYPES },
    headers: { 'idempotency-key': 'endpoint' },
  });
  await eventually(
    async () => (await masked.rest('GET', `/webhook-endpoints/${body.endpoint.id}`)).body.status === 'ACTIVE',
  );
}

/** An appointment that is booked, moved and cancelled, and an invoice that is issued and paid at a terminal. */
async function live(patientId: string, number: number): Promise<void> {
  const startsAt = new Date(Date.now() + (500 + number) * 86_400_000);
  const [appointment] = await clinic.core<{ id: string }[]>`
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    select ${patientId}, (select id from appointment.providers limit 1), (select id from appointment.chairs limit 1),
      ${startsAt}, ${startsAt}::timestamptz + interval '20 minutes' returning id`;
  await clinic.core`update appointment.appointments set status = 'CANCELLED' where id = ${appointment?.id ?? ''}`;
  const [invoice] = await clinic.core<{ id: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    values (${patientId}, 'SAR', 10000, current_date + 30) returning id`;
  await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${invoice?.id ?? ''}`;
  for (const amount of [10_001, 10_000]) {
    await masked.rest('POST', '/payment-confirmations', {
      body: {
        invoice_id: invoice?.id,
        amount_minor: amount,
        currency: 'SAR',
        terminal_id: 'DESK-1',
        terminal_txn_id: `T${number}-${amount}`,
        captured_at: new Date().toISOString(),
      },
      headers: { 'idempotency-key': `${number}-${amount}` },
    });
  }
}

async function everyPath(): Promise<string[]> {
  const [endpoint] = (await masked.rest('GET', '/webhook-endpoints')).body.data;
  const deliveries: { id: string }[] = (await masked.rest('GET', '/webhook-deliveries?limit=100')).body.data;
  const ids = await clinic.owner<{ id: string; kind: string }[]>`
    (select id, 'appointments' as kind from appointment.appointments order by updated_at desc limit 20)
    union all (select id, 'visits' from appointment.visits limit 10)`;
  return [
    ...['appointments', 'visits', 'webhook-deliveries', 'requests'].map((list) => `/${list}?limit=100`),
    ...ids.map(({ id, kind }) => `/${kind}/${id}`),
    ...deliveries.slice(0, 20).map(({ id }) => `/webhook-deliveries/${id}`),
    `/webhook-endpoints/${endpoint.id}/events?limit=100`,
    '/webhook-endpoints',
    '/inventory/low-stock',
    '/reports/visit-volume?from=2026-03-01&to=2026-03-31',
    '/me',
  ];
}

/** The graph, asked for what is masked, and for what is refused. */
const queries = (id: string): string[] => [
  `{ patient(id: "${id}") { displayName phoneMasked } }`,
  `{ patient(id: "${id}") { fullName phone email } }`,
  `{ patient(id: "${id}") { displayName ... on Patient { n: fullName } } }`,
  '{ appointments(first: 100) { edges { node { patient { displayName phoneMasked } } } } }',
  '{ visits(first: 100) { edges { node { patient { displayName phoneMasked } } } } }',
];

/** Every place of a request that takes text, each in a request that must be refused. */
async function sendEverywhere(canary: string): Promise<Answer[]> {
  const inUrl = encodeURIComponent(canary);
  const confirm = (body: unknown, headers: Record<string, string> = {}) =>
    masked.rest('POST', '/payment-confirmations', { body, headers: { 'idempotency-key': 'k', ...headers } });
  return Promise.all([
    masked.rest('GET', `/patients/${inUrl}`),
    masked.rest('GET', `/${inUrl}`),
    masked.rest('GET', `/appointments?status=${inUrl}`),
    masked.rest('GET', `/appointments?${inUrl}%20=1`),
    masked.rest('GET', `/appointments?cursor=${inUrl}`),
    masked.rest('GET', `/appointments?starts_from=${inUrl}`),
    masked.rest('GET', '/nothing', { headers: { 'user-agent': canary, 'x-name': canary, 'accept-language': canary } }),
    masked.rest('GET', '/nothing', { headers: { traceparent: canary, 'if-none-match': canary, cookie: canary } }),
    confirm({ amount_minor: canary, card: { scheme: { name: canary } } }),
    confirm({ [`${canary} `]: 1 }),
    confirm(`{"${canary}`),
    confirm({}, { 'idempotency-key': `${canary} ` }),
    masked.rest('POST', '/appointment-imports', {
      body: { rows: [{ external_id: [canary] }] },
      headers: { 'idempotency-key': 'k' },
    }),
    masked.rest('POST', '/webhook-endpoints', {
      body: { name: 'x', event_types: [canary] },
      headers: { 'idempotency-key': 'k' },
    }),
    clinic.fetch('/api/v1/me', { headers: { authorization: `Bearer ${canary}` } }),
    clinic.fetch(`/graphql/${inUrl}`, { headers: { authorization: `Bearer ${masked.token}` } }),
    masked.graphql({ documentId: canary, variables: { name: canary } }),
    masked.graphql({ query: `{ patient(id: "${canary}") { fullName } }` }),
  ]);
}

/** What the queue has in the database, as text. */
async function queueTables(): Promise<string> {
  const tables = await clinic.owner<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema = 'queue' order by 1`;
  const texts = await Promise.all(
    tables.map(({ name }) =>
      clinic.owner.unsafe(`select coalesce(string_agg(kept::text, ' '), '') as text from ${name} as kept`),
    ),
  );
  return texts.map(([row]) => String(row?.text)).join('\n');
}

/** Tables of which any row, as text, holds one. */
async function tablesWithCanaries(): Promise<string[]> {
  const tables = await clinic.owner<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by 1`;
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await clinic.owner.unsafe(
      `select 1 from ${name} as kept where exists (select 1 from unnest($1::text[]) as canary
        where position(lower(canary) in lower(kept::text)) > 0) limit 1`,
      [all()],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}
