import { expect, test } from 'vitest';
import type { Route } from '../../gateway/src/rest/route.ts';
import { routes } from '../../gateway/src/rest/routes.ts';
import { appointment, connection, me } from './support/clinic-data.ts';
import { CALLERS, startRest } from './support/rest-server.ts';

const since = new Date('2026-01-01T00:00:00Z');
const deprecation = { since, link: '/api/v1/docs#versions', successor: '/api/v2/appointments' } as const;

/** The product's routes, with the list of v1 on its way out. */
const until = (sunset: string): Route[] =>
  routes.map((route) =>
    route.operation === 'AppointmentsV1'
      ? { ...route, deprecation: { ...deprecation, sunset: new Date(sunset) } }
      : route,
  );

test('announces the end of a deprecated operation, answers 410 after its sunset, and /versions says the same', async () => {
  const root = { me: me(), appointments: connection([appointment()]) };
  const [living, dead] = await Promise.all([
    startRest(root, until('2999-01-01T00:00:00Z')),
    startRest(root, until('2026-01-02T00:00:00Z')),
  ]);
  try {
    for (const [server, status, word] of [[living, 200, 'DEPRECATED'] as const, [dead, 410, 'RETIRED'] as const]) {
      const answer = await server.send('/api/v1/appointments');
      expect(answer.status).toBe(status);
      expect(answer.headers.get('deprecation')).toBe('@1767225600');
      expect(answer.headers.get('sunset')).toMatch(/^\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT$/);
      expect(answer.headers.get('link')).toBe(
        '</api/v1/docs#versions>; rel="deprecation", </api/v2/appointments>; rel="successor-version"',
      );
      const { body } = await server.send('/api/v1/versions', { as: null });
      const [v1] = body.versions as { status: string; deprecated_operations: Record<string, string>[] }[];
      expect(v1?.status).toBe('CURRENT');
      const [told] = v1?.deprecated_operations ?? [];
      expect(told).toMatchObject({ method: 'GET', path: '/api/v1/appointments', status: word });
      expect(`@${Date.parse(told?.deprecated_at ?? '') / 1000}`).toBe(answer.headers.get('deprecation'));
      expect(new Date(told?.sunset_at ?? '').toUTCString()).toBe(answer.headers.get('sunset'));
      expect(answer.headers.get('link')).toContain(`<${told?.successor}>; rel="successor-version"`);
    }
    expect(dead.operations).toEqual([]);
    expect(living.operations).toEqual(['AppointmentsV1']);
    expect((await living.send('/api/v2/appointments')).status).toBe(200);
  } finally {
    await Promise.all([living.close(), dead.close()]);
  }
});

test('counts who still calls what is past its sunset, by token, and shows them the 410 in their list', async () => {
  const rest = await startRest({ me: me() }, until('2026-01-02T00:00:00Z'));
  try {
    await rest.send('/api/v1/appointments');
    await rest.send('/api/v1/appointments', { as: 'reader' });
    await rest.send('/api/v1/appointments', { as: null });
    expect(rest.uses.map(({ integrationId, operation }) => [integrationId, operation])).toEqual([
      [CALLERS.partner?.integrationId, 'AppointmentsV1'],
      [CALLERS.reader?.integrationId, 'AppointmentsV1'],
    ]);
    expect(new Set(rest.uses.map(({ tokenId }) => tokenId)).size).toBe(2);
    expect(rest.requests.map(({ status, problem }) => [status, problem])).toEqual([
      [410, 'VERSION_RETIRED'],
      [410, 'VERSION_RETIRED'],
    ]);
  } finally {
    await rest.close();
  }
});

test('calls a version retired when all its operations are', async () => {
  const gone = routes.map((route) =>
    route.path.startsWith('/api/v1/') && route.operation !== undefined
      ? { ...route, deprecation: { ...deprecation, sunset: since } }
      : route,
  );
  const rest = await startRest({ me: me() }, gone);
  try {
    expect((await rest.send('/api/v1/me')).status).toBe(410);
    const { body } = await rest.send('/api/v1/versions', { as: null });
    expect(body.versions).toMatchObject([
      { major: 'v1', status: 'RETIRED', sunset_on: '2026-01-01' },
      { major: 'v2', status: 'CURRENT', sunset_on: null },
    ]);
  } finally {
    await rest.close();
  }
});

test('never sends what the contract does not know, such as an instant of another form', async () => {
  const rest = await startRest({ appointment: appointment({ status: 'CONFIRMED', startsAt: 'soon' }) });
  try {
    const answer = await rest.send(`/api/v1/appointments/${appointment().id}`);
    expect([answer.status, answer.body.type]).toEqual([500, '/api/v1/problems/internal']);
  } finally {
    await rest.close();
  }
});
