import { expect } from 'vitest';
import type { ItemId } from './items.ts';
import { criterion, expectProblem, here, key } from './walk.ts';

const DAY = '2025-01-31';
const KINDS = [
  ['9.1.1', 'DAILY_COLLECTED_REVENUE', DAY],
  ['9.1.2', 'MONTHLY_PROFIT_SUMMARY', '2025-01'],
  ['9.1.3', 'DEFERRED_RECEIVABLES_AGING', DAY],
] as const;

const ask = (kind: string, period: string) =>
  here().reader.rest('POST', '/exports', { body: { kind, period }, headers: { 'idempotency-key': key() } });
const made = new Map<string, { id: string; content_sha256: string; generated_at: string }>();

for (const [item, kind, period] of KINDS) {
  criterion(item satisfies ItemId, async () => {
    const { clinic, reader } = here();
    await clinic.huda.run(
      `mutation { closeBusinessDay(date: "${DAY}") { status } closeMonth(month: "2025-01") { status } }`,
    );
    const { status, body } = await ask(kind, period);
    expect([status, body.kind, body.period]).toEqual([201, kind, period]);
    const sizes: string[] = [];
    for (const format of body.formats) {
      const file = await reader.rest('GET', `/exports/${body.id}/content?format=${format}`);
      expect(file.status, format).toBe(200);
      sizes.push(`${format} ${file.text.length}`);
    }
    made.set(kind, body);
    return `${body.id} of ${period}: ${sizes.join(', ')} characters`;
  });
}

criterion('9.2.1', async () => {
  const open = await ask('DAILY_COLLECTED_REVENUE', new Date().toISOString().slice(0, 10));
  expectProblem(open, 409, 'period-open');
  for (const { content_sha256 } of made.values()) expect(content_sha256).toMatch(/^[0-9a-f]{64}$/);
  return `of a day that is open: ${open.status} period-open; each is known by the SHA-256 of its content`;
});

criterion(['6.3.6', '9.2.2', '9.2.5'], async () => {
  const { clinic, reader } = here();
  const contentOf = async (id: string) => (await reader.rest('GET', `/exports/${id}/content?format=json`)).text;
  const before = await Promise.all([...made.values()].map(({ id }) => contentOf(id)));
  // A payment of the closed day comes late: it is booked on the next open one.
  const [late] = await clinic.core<{ on: string }[]>`insert into billing.payments
      (invoice_id, currency, amount_minor, method, captured_at)
    select id, currency, 1, 'CASH', ${`${DAY}T10:00:00Z`} from billing.invoices
      where status in ('ISSUED', 'PARTIALLY_PAID') order by key limit 1 returning business_date::text as on`;
  expect(String(late?.on) > DAY).toBe(true);
  for (const [kind, period] of KINDS.map(([, kind, period]) => [kind, period] as const)) {
    const again = await ask(kind, period);
    expect([again.status, again.body.id]).toEqual([200, made.get(kind)?.id]);
  }
  expect(await Promise.all([...made.values()].map(({ id }) => contentOf(id)))).toEqual(before);
  return `asked again the first ones are answered; a payment of the closed day came late, stands on ${late?.on}, and no byte changed`;
});

criterion('9.2.3', async () => {
  const times = [...made.values()].map(({ generated_at }) => generated_at);
  expect(times).toHaveLength(3);
  for (const time of times) expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(120_000);
  return times.join(', ');
});

criterion('9.2.4', async () => {
  const { clinic, reader } = here();
  const [one] = made.values();
  const path = `/exports/${one?.id}/content?format=csv`;
  const etag = (await reader.rest('GET', path)).headers.get('etag') ?? '';
  const unchanged = await reader.rest('GET', path, { headers: { 'if-none-match': etag } });
  expect(unchanged.status).toBe(304);
  const requestId = unchanged.headers.get('request-id') ?? '';
  const entry = await clinic.audited({ action: 'export.download', result: 'OK', entityId: one?.id ?? '', requestId });
  const { reportExports } = await clinic.huda.run(
    '{ reportExports(first: 3) { edges { node { position sha256 previousSha256 } } } }',
  );
  expect(reportExports.edges).toHaveLength(3);
  const chain = reportExports.edges
    .map(({ node }: { node: { position: number } }) => node)
    .toSorted((a: { position: number }, b: { position: number }) => a.position - b.position);
  for (let at = 1; at < chain.length; at += 1) expect(chain[at].previousSha256).toBe(chain[at - 1].sha256);
  return `even a download that is answered 304 is audited (${entry.id}); three exports in one chain`;
});
