import { expect, test } from 'vitest';
import { getMeV1 } from '../../gateway/src/rest/v1/me.ts';
import { appointment, me } from './support/clinic-data.ts';
import { startRest } from './support/rest-server.ts';

const deprecation = {
  since: new Date('2026-01-01T00:00:00Z'),
  link: '/docs/changes#me',
  successor: '/api/v1/whoami',
} as const;

test('announces the end of a deprecated route, and answers 410 after its sunset', async () => {
  const routeUntil = (sunset: string) => [{ ...getMeV1, deprecation: { ...deprecation, sunset: new Date(sunset) } }];
  const living = await startRest({ me: me() }, routeUntil('2999-01-01T00:00:00Z'));
  const dead = await startRest({ me: me() }, routeUntil('2026-01-02T00:00:00Z'));
  try {
    for (const [server, status] of [[living, 200] as const, [dead, 410] as const]) {
      const answer = await server.send('/api/v1/me');
      expect(answer.status).toBe(status);
      expect(answer.headers.get('deprecation')).toBe('@1767225600');
      expect(answer.headers.get('sunset')).toMatch(/^\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT$/);
      expect(answer.headers.get('link')).toBe(
        '</docs/changes#me>; rel="deprecation", </api/v1/whoami>; rel="successor-version"',
      );
    }
    expect(dead.operations).toEqual([]);
  } finally {
    await Promise.all([living.close(), dead.close()]);
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
