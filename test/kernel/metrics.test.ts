import { createLogger } from '@bridgework/kernel/logger';
import { createMetrics, type MetricsServer, serveMetrics } from '@bridgework/kernel/metrics';
import { afterEach, expect, test } from 'vitest';

const log = createLogger('test', { level: 'silent' });
const open: MetricsServer[] = [];
const serve = async (port: number | undefined, metrics = createMetrics('test')) => {
  const served = await serveMetrics(metrics, { METRICS_HOST: '127.0.0.1', METRICS_PORT: port }, log);
  open.push(served);
  return served;
};
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

test('what a process counts stands under /metrics with its name, and nothing else is answered', async () => {
  const metrics = createMetrics('gateway');
  metrics.counter('bridgework_tries_total', 'Tries.', ['how']).inc({ how: 'once' }, 3);
  metrics.gauge('bridgework_depth', 'Depth.', async () => 7);
  const { origin } = await serve(0, metrics);
  const answer = await fetch(`${origin}/metrics`);
  const text = await answer.text();
  expect(answer.headers.get('content-type')).toContain('text/plain');
  expect(text).toContain('bridgework_tries_total{how="once",process="gateway"} 3');
  expect(text).toContain('bridgework_depth{process="gateway"} 7');
  expect(text).toMatch(/process_resident_memory_bytes\{process="gateway"\} \d+/);
  expect((await fetch(`${origin}/`)).status).toBe(404);
  expect((await fetch(`${origin}/metrics`, { method: 'POST' })).status).toBe(404);
});

test('a port that is taken is named, and without a port nothing is served', async () => {
  const { origin } = await serve(0);
  const port = Number(new URL(origin ?? '').port);
  await expect(serve(port)).rejects.toThrow(`METRICS_PORT ${port} on 127.0.0.1 is taken`);
  expect((await serve(undefined)).origin).toBeUndefined();
});
