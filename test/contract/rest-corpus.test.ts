import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routes } from '../../gateway/src/rest/routes.ts';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Partner } from '../support/partner.ts';
import { type CorpusAnswer, type CorpusRequest, readCorpus, writeCorpus } from './rest-corpus/corpus.ts';
import { createFixedClinic } from './rest-corpus/fixed-clinic.ts';
import { createPlayer } from './rest-corpus/play.ts';

/**
 * What partners of v1 are answered, frozen: each request of test/contract/frozen/rest-v1.json, sent to the whole product over
 * a clinic that is written down, is answered by the same bytes but for the members and headers that the file names.
 *
 * `npm run corpus:rest -w test` records the requests that have no answer yet. One that is answered is never recorded over, unless it is
 * named: CORPUS_AGAIN="name, name".
 */
const RECORD = process.env.CORPUS_RECORD === '1';
const AGAIN = (process.env.CORPUS_AGAIN ?? '').split(',').map((name) => name.trim());
const corpus = readCorpus();
let clinic: Clinic;
let partners: Record<'able' | 'reader', Partner>;
const played = new Map<string, CorpusAnswer>();

/** Those that there were when the corpus was begun. */
const scopes: Scope[] = [
  'read:appointments',
  'read:visits',
  'read:patients',
  'read:inventory',
  'read:reports',
  'read:financials',
  'write:payments',
  'write:appointments',
  'write:imaging',
  'webhook:receive',
];

beforeAll(async () => {
  clinic = await startClinic({
    simulator: false,
    database: await createFixedClinic(),
    gateway: { TOKEN_REQUESTS_PER_MINUTE: '6000', INTEGRATION_REQUESTS_PER_MINUTE: '6000' },
  });
  const [able, reader] = await Promise.all([
    clinic.partner({ scopes, allowedImageHosts: ['pacs.partner.example'] }),
    clinic.partner({ scopes: ['read:appointments'] }),
  ]);
  partners = { able, reader };
  const play = createPlayer(corpus, (as, method, path, { headers, ...init }) =>
    clinic.fetch(path, {
      ...init,
      method,
      headers: { ...headers, ...(as === 'nobody' ? {} : { authorization: `Bearer ${partners[as].token}` }) },
    }),
  );
  // In their order: later ones lead on from earlier ones.
  for (const request of corpus.exchanges) played.set(request.name, await play(withReceiver(request)));
  if (RECORD) record();
}, 120_000);
afterAll(() => clinic?.close());

/** The receiver of the run, whose port is free, stands for the partner's. */
const withReceiver = (request: CorpusRequest): CorpusRequest =>
  JSON.parse(JSON.stringify(request).replaceAll('{{receiver}}', clinic.receiver.origin));

function record(): void {
  const exchanges = corpus.exchanges.map((exchange) => {
    const answer = played.get(exchange.name);
    const isNew = exchange.answer === undefined || AGAIN.includes(exchange.name);
    return isNew && answer !== undefined ? { ...exchange, answer } : exchange;
  });
  writeCorpus({ ...corpus, exchanges });
}

test.skipIf(RECORD).each(corpus.exchanges)('$name', ({ name, answer }) => {
  expect(answer, 'not recorded: npm run corpus:rest -w test').toBeDefined();
  expect(played.get(name)).toEqual(answer);
});

test('names each pair once', () => {
  expect(new Set(corpus.exchanges.map(({ name }) => name)).size).toBe(corpus.exchanges.length);
});

const isOf = (route: string, path: string): boolean =>
  new RegExp(`^${route.replace('/api/v1', '').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(
    path.replaceAll(/\{\{[^}]+\}\}/g, 'x').split('?')[0] ?? '',
  );
/** The reference grows with every addition; it is frozen by schema/rest/released. What a provider calls carries its signature. */
const NOT_HELD = new Set(['/api/v1/openapi.json', '/api/v1/docs', '/api/v1/callbacks/messages/{provider}']);

test.skipIf(RECORD).each(routes.filter(({ path }) => path.startsWith('/api/v1/') && !NOT_HELD.has(path)))(
  'holds an answer that went well of $method $path',
  ({ method, path }) => {
    const own = corpus.exchanges.filter((one) => one.method === method && isOf(path, one.path));
    expect(own.some(({ answer }) => answer !== undefined && answer.status < 300)).toBe(true);
  },
);

test('tells what changed: another byte of an answer is another answer', async () => {
  const [request] = corpus.exchanges.filter(({ name }) => name === 'low stock');
  const answered = played.get('low stock');
  const changed = await createPlayer(corpus, async () => ({
    status: 200,
    headers: new Headers(answered?.headers),
    text: (answered?.body ?? '').replace('"on_hand":3', '"on_hand":4'),
    body: {},
  }))(request as CorpusRequest);
  expect(changed).not.toEqual(answered);
});
