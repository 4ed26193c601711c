import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCursorSeal } from '../../gateway/src/rest/paging.ts';
import { appointment, connection } from './support/clinic-data.ts';
import { type RestServer, startRest } from './support/rest-server.ts';

const appointments = Array.from({ length: 7 }, () => appointment());
let rest: RestServer;
beforeAll(async () => {
  rest = await startRest({ appointments: connection(appointments), visits: connection([]) });
});
afterAll(() => rest.close());

const pathOf = (headers: Headers): string | undefined => /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
const idsOf = (body: Record<string, unknown>): string[] => (body.data as { id: string }[]).map(({ id }) => id);

async function firstCursor(query = 'limit=3'): Promise<string> {
  const { body } = await rest.send(`/api/v1/appointments?${query}`);
  return encodeURIComponent(String(body.next_cursor));
}

test('walks every entry once by the next link', async () => {
  const seen: string[] = [];
  let path: string | undefined = '/api/v1/appointments?limit=3&status=SCHEDULED';
  while (path !== undefined) {
    const { status, headers, body } = await rest.send(path);
    expect(status).toBe(200);
    seen.push(...idsOf(body));
    path = pathOf(headers);
    expect(body.has_more).toBe(path !== undefined);
    expect(body.next_cursor === null).toBe(path === undefined);
  }
  expect(seen).toEqual(appointments.map(({ id }) => id));
});

test('gives 25 entries unless told, and the same cursor for the same page', async () => {
  expect(idsOf((await rest.send('/api/v1/appointments')).body)).toHaveLength(7);
  expect(await firstCursor()).toBe(await firstCursor());
});

test.each([
  ['another integration', 'stranger', (cursor: string) => `/api/v1/appointments?limit=3&cursor=${cursor}`],
  ['another filter', 'partner', (cursor: string) => `/api/v1/appointments?status=COMPLETED&cursor=${cursor}`],
  ['another list', 'partner', (cursor: string) => `/api/v1/visits?cursor=${cursor}`],
  ['a changed letter', 'partner', (cursor: string) => `/api/v1/appointments?cursor=${cursor.slice(0, -2)}AA`],
  ['a shorter one', 'partner', (cursor: string) => `/api/v1/appointments?cursor=${cursor.slice(0, 8)}`],
  ['padding', 'partner', (cursor: string) => `/api/v1/appointments?cursor=${cursor}%3D`],
])('refuses a cursor of %s', async (_name, as, path) => {
  const { status, body } = await rest.send(path(await firstCursor()), { as });
  expect(status).toBe(400);
  expect(body.errors).toMatchObject([{ pointer: '/cursor', code: 'bad-cursor' }]);
});

test('takes a cursor with another page size', async () => {
  const { body } = await rest.send(`/api/v1/appointments?limit=2&cursor=${await firstCursor()}`);
  expect(idsOf(body)).toEqual(appointments.slice(3, 5).map(({ id }) => id));
});

test('opens what it sealed under the same binding alone, whatever is altered, also after a key was rotated', () => {
  const key = (id: string, fill: number) => `${id}:${Buffer.alloc(32, fill).toString('base64')}`;
  const old = createCursorSeal(key('k1', 1));
  const rotated = createCursorSeal(`${key('k2', 2)},${key('k1', 1)}`);
  const binding = { holder: 'int_a', route: 'GET /x', filter: { a: '1', b: '2' }, sort: 'id' };
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), fc.integer({ min: 1, max: 255 }), (position, at, flip) => {
      const cursor = old.seal(position, binding);
      expect(rotated.open(cursor, { ...binding, filter: { b: '2', a: '1' } })).toBe(position);
      expect(() => old.open(rotated.seal(position, binding), binding)).toThrow();
      const bytes = Buffer.from(cursor, 'base64url');
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
      expect(() => old.open(bytes.toString('base64url'), binding)).toThrow();
    }),
  );
});
