import { newId } from '@bridgework/kernel/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Registry, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

/** What a gateway reports of a minute: a sum for each source. */
const report = (refusals: readonly { readonly source: string; readonly code: string; readonly count: number }[]) =>
  registry.control('POST /control/report', {
    batch_id: newId('req'),
    gateway_id: 'gw-test',
    refusals: refusals.map(({ source, code, count }) => ({
      integration_id: null,
      actor: `source ${source}`,
      action: 'request.refuse',
      entity: 'token',
      entity_id: null,
      code,
      message: 'unknown token',
      request_id: newId('req'),
      occurred_at: new Date().toISOString(),
      count,
    })),
    uses: [],
    compiled: [],
  }) as Promise<unknown>;
const alerts = async (kind: string) =>
  registry.sql<{ detail: string }[]>`select detail from integration.alerts where kind = ${kind}`;

test('a few bad tokens are no alert, a flood of them is one, however many reports and sources it has', async () => {
  await report([{ source: '192.0.2.1', code: 'INVALID_TOKEN', count: 99 }]);
  expect(await alerts('token.flooded')).toHaveLength(0);
  // Ten gateways report at the same moment, each a hundred sources; a minute later again.
  const flood = () =>
    report(Array.from({ length: 100 }, (_, i) => ({ source: `198.51.100.${i}`, code: 'INVALID_TOKEN', count: i + 1 })));
  for (let minute = 0; minute < 2; minute += 1) await Promise.all(Array.from({ length: 10 }, flood));
  const [alert, ...others] = await alerts('token.flooded');
  expect(others).toEqual([]);
  expect(alert?.detail).toContain('5050 requests within a minute');
  expect(alert?.detail).toContain('100 of them from source 198.51.100.99');
});

test('a token of the other environment is an alert at once, and one however often it comes', async () => {
  const misplaced = () => report([{ source: '192.0.2.7', code: 'WRONG_ENVIRONMENT', count: 1 }]);
  for (let time = 0; time < 5; time += 1) await misplaced();
  const found = await alerts('token.misplaced');
  expect(found).toHaveLength(1);
  expect(found[0]?.detail).toContain('source 192.0.2.7');
});
