import { DomainError } from '@bridgework/kernel/errors';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RestServer, startRest } from './support/rest-server.ts';
import { endpoint, webhookRoot } from './support/webhook-data.ts';

let current = endpoint({ version: 3 });
let rest: RestServer;
beforeAll(async () => {
  const change = ({ version, input }: { version: number; input?: { name?: string } }) => {
    if (version !== current.version)
      throw new DomainError('PRECONDITION_FAILED', { members: { version: current.version } });
    current = { ...current, version: version + 1, name: input?.name ?? current.name };
    return current;
  };
  rest = await startRest({
    ...webhookRoot,
    ownWebhookEndpoint: () => current,
    updateOwnWebhookEndpoint: change,
    deleteOwnWebhookEndpoint: change,
  });
});
afterAll(() => rest.close());
beforeEach(() => {
  current = endpoint({ version: 3 });
});

const path = () => `/api/v1/webhook-endpoints/${current.id}`;
const patch = (ifMatch?: string) =>
  rest.send(path(), {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }) },
    body: JSON.stringify({ name: 'مكتب' }),
  });
const slugOf = ({ body }: { body: Record<string, unknown> }) => String(body.type).replace(/^.*\//, '');

test('a change is made from what was read, and only once from it', async () => {
  const read = await rest.send(path());
  const etag = read.headers.get('etag') ?? '';
  const changed = await patch(etag);
  expect([changed.status, changed.body.name, changed.body.version]).toEqual([200, 'مكتب', 4]);
  const late = await patch(etag);
  expect([late.status, slugOf(late), late.body.version]).toEqual([412, 'precondition-failed', 4]);
  // The answer to a change carries what the next change needs.
  expect((await patch(changed.headers.get('etag') ?? '')).status).toBe(200);
});

test('an unchanged endpoint is 304 for whoever holds it', async () => {
  const etag = (await rest.send(path())).headers.get('etag') ?? '';
  expect((await rest.send(path(), { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test.each([[undefined], [''], ['*']])('a change with If-Match %j names nothing that was read', async (given) => {
  const answer = await patch(given);
  expect([answer.status, slugOf(answer)]).toEqual([428, 'precondition-required']);
});

test.each(['W/"v3-aaaaaaaaaaaaaaaaaaaaaaaaaaa"', '"v3"', '"other"', 'v3', '"v3-x", "v4-y"'])(
  'a change with If-Match %s is not made',
  async (given) => {
    const answer = await patch(given);
    expect([answer.status, slugOf(answer), current.version]).toEqual([412, 'precondition-failed', 3]);
  },
);

test('ending an endpoint answers 204 and nothing else', async () => {
  const etag = (await rest.send(path())).headers.get('etag') ?? '';
  const answer = await rest.send(path(), { method: 'DELETE', headers: { 'if-match': etag } });
  expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([204, '', null]);
});
