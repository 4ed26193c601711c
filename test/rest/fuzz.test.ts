import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAnswerCheck, type ReferenceDocument } from '../support/check-answer.ts';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { createChance } from './fuzz/chance.ts';
import { type FuzzRequest, type FuzzSite, nextRequest, type Reference } from './fuzz/requests.ts';

/** `npm run fuzz:rest` sends 20,000; the suite as many as fit into its time. */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 4_000);
const TIME_BOX_MS = process.env.FUZZ_REQUESTS === undefined ? 12_000 : Number.POSITIVE_INFINITY;
const SEED = Number(process.env.FUZZ_SEED ?? 11);
const AT_ONCE = 8;

const references = ['v1', 'v2'].map((major) =>
  JSON.parse(readFileSync(new URL(`../../schema/rest/${major}.openapi.json`, import.meta.url), 'utf8')),
) as (Reference & ReferenceDocument)[];

let clinic: Clinic;
let pool: Pool;
let site: FuzzSite;

beforeAll(async () => {
  const plenty = {
    TOKEN_REQUESTS_PER_MINUTE: '1000000',
    INTEGRATION_REQUESTS_PER_MINUTE: '1000000',
    TOKEN_COST_PER_MINUTE: '900000000',
  };
  clinic = await startClinic({ gateway: plenty });
  const [able, reader] = await Promise.all([
    clinic.partner({
      scopes: [
        'read:appointments',
        'read:visits',
        'read:patients',
        'read:patients:identified',
        'read:invoices',
        'read:inventory',
        'read:reports',
        'read:financials',
        'write:payments',
        'write:appointments',
        'write:imaging',
        'webhook:receive',
      ],
    }),
    clinic.partner({ scopes: ['read:appointments'] }),
  ]);
  pool = new Pool(clinic.origin, { connections: AT_ONCE });
  const created = await able.rest('POST', '/webhook-endpoints', {
    body: { name: 'fuzz', event_types: ['appointment.created'] },
    headers: { 'idempotency-key': 'fuzz' },
  });
  const known = await clinic.owner<{ prefix: string; ids: string[] }[]>`
    select 'apt' as prefix, array(select id from appointment.appointments limit 20) as ids
    union all select 'pat', array(select id from appointment.patients limit 20)
    union all select 'prv', array(select id from appointment.providers limit 20)
    union all select 'vis', array(select id from appointment.visits limit 20)
    union all select 'inv', array(select id from billing.invoices limit 20)`;
  site = {
    references,
    tokens: [able.token, able.token, able.token, reader.token, 'dci_test_unknown'],
    ids: new Map([...known.map(({ prefix, ids }) => [prefix, ids] as const), ['whe', [created.body.endpoint.id]]]),
  };
});
afterAll(async () => {
  await pool?.close();
  await clinic?.close();
});

const check = createAnswerCheck(references);

/** What no client can put on a request line goes out percent-encoded, byte by byte. */
const sendable = (path: string): string =>
  path.replace(/[^\x21-\x7e]/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );

async function send({ method, path, headers, body }: FuzzRequest): Promise<{ status: number; faults: string[] }> {
  const response = await pool.request({
    method: method as 'GET',
    path: sendable(path),
    headers,
    ...(body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body }),
  });
  const text = await response.body.text();
  const headersOf = new Headers(
    Object.entries(response.headers).map(([name, value]) => [name, String(value)] as [string, string]),
  );
  const status = response.statusCode;
  const faults = check({ method, path: path.split('?')[0] ?? '', status, headers: headersOf, text });
  return { status, faults: status >= 500 ? [...faults, `answered ${status}`] : faults };
}

test(
  'whatever is sent, each answer is documented, each refusal a known problem, and none is a 5xx',
  async () => {
    const chance = createChance(SEED);
    const until = performance.now() + TIME_BOX_MS;
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let sent = 0;
    const work = async () => {
      while (sent < REQUESTS && performance.now() < until) {
        sent += 1;
        const request = nextRequest(site, chance);
        const { status, faults } = await send(request);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (faults.length > 0) wrong.push(`${describe(request)} → ${status}: ${faults.join('; ')}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const tally = [...statuses]
      .toSorted(([one], [other]) => one - other)
      .map(([status, count]) => `${status}: ${count}`);
    console.log(`${sent} requests, seed ${SEED}: ${tally.join(', ')}`);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(sent).toBeGreaterThan(200);
    // Chance must reach what is behind the doors too, or this shows nothing.
    for (const status of [200, 400, 401, 403, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(5);
  },
  REQUESTS * 60 + 60_000,
);

const describe = ({ method, path, headers, body }: FuzzRequest): string =>
  `${method} ${path.slice(0, 300)} ${JSON.stringify({ ...headers, authorization: '…' })} ${String(body ?? '').slice(0, 300)}`;
