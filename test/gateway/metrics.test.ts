import { readContract } from '@bridgework/kernel/contract-files';
import { createMetrics } from '@bridgework/kernel/metrics';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const metrics = createMetrics('gateway');
let clinic: TestGateway;
let partner: Partner;
let documentId: string;

beforeAll(async () => {
  clinic = await startGateway({ metrics });
  partner = clinic.addPartner(['read:inventory']);
  documentId = clinic.addDocument(partner, LOW_STOCK);
  await clinic.settle();
});
afterAll(() => clinic?.close());

const lines = async () => (await metrics.render()).text.split('\n');

test('requests, refusals, executions and subgraph calls are counted; no label is what a caller chose', async () => {
  await clinic.post({ documentId, variables: { first: 1 } }, partner.token);
  await clinic.get('/api/v1/inventory/low-stock', partner.token);
  await clinic.post({ query: '{ me { name } }' }, partner.token);
  await clinic.get('/somebody/made/this/up?name=Sara', partner.token);
  const shown = await lines();
  const shows = (...parts: string[]) => {
    const line = shown.find((one) => !one.startsWith('#') && parts.every((part) => one.includes(part)));
    return Number(line?.split(' ').at(-1));
  };
  expect(shows('bridgework_executions_total', 'kind="document"')).toBe(1);
  expect(shows('bridgework_executions_total', 'kind="operation"')).toBe(1);
  expect(shows('bridgework_refused_requests_total', 'code="PERSISTED_DOCUMENT_REQUIRED"')).toBe(1);
  expect(shows('bridgework_subgraph_call_duration_seconds_count', 'subgraph="inventory"', 'outcome="ok"')).toBe(2);
  expect(shows('bridgework_http_request_duration_seconds_count', 'route="/graphql"', 'status="400"')).toBe(1);
  expect(shows('bridgework_registry_state')).toBe(2);
  expect(shows('bridgework_control_generation')).toBe(clinic.registry.generation);
  expect(shows('bridgework_control_snapshot_age_seconds')).toBeLessThan(60);
  const text = shown.join('\n');
  for (const chosen of ['Sara', 'made', partner.integrationId, partner.tokenEntry.id, documentId]) {
    expect(text).not.toContain(chosen);
  }
});
