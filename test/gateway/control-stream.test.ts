import { generateKeyPairSync, sign } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readContract } from '@bridgework/kernel/contract-files';
import type { ControlSnapshot } from '@bridgework/schema';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { HELD, releaseHeld } from './support/clinic-data.ts';
import { codeOf, type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const CONFIRM = readContract('operations/examples/confirm-payment.graphql');
const payment = {
  input: {
    invoiceId: 'inv_1',
    amountMinor: 1,
    currency: 'SAR',
    terminalId: 't',
    terminalTxnId: 'x',
    capturedAt: '2026-03-01T10:00:00.000Z',
  },
  idempotencyKey: 'k',
};
let clinic: TestGateway;
let partner: Partner;
let lowStock: string;
let confirm: string;

beforeEach(async () => {
  clinic = await startGateway();
  partner = clinic.addPartner(['read:inventory', 'write:payments']);
  lowStock = clinic.addDocument(partner, LOW_STOCK);
  confirm = clinic.addDocument(partner, CONFIRM);
  await clinic.settle();
});
afterEach(() => clinic?.close());

const read = (token = partner.token) => clinic.post({ documentId: lowStock, variables: { first: 1 } }, token);
const write = () => clinic.post({ documentId: confirm, variables: payment }, partner.token);
const readiness = async () => (await (await clinic.get('/readyz')).json()) as Record<string, unknown>;
const snapshot = (changes: Partial<ControlSnapshot> = {}): ControlSnapshot => ({
  generation: clinic.registry.generation,
  issued_at: new Date().toISOString(),
  environment: 'sandbox',
  ...structuredClone(clinic.registry.state),
  ...changes,
});

test('a revocation is in force within a second, while documents are still on their way', async () => {
  expect((await read()).status).toBe(200);
  partner.tokenEntry.status = 'REVOKED';
  // A new document whose text does not arrive must not hold the revocation back.
  const late = clinic.addDocument(partner, 'query Late { me { name } }');
  clinic.registry.unanswered.add(late);
  const revokedAt = performance.now();
  clinic.registry.publish();
  await eventually(async () => (await read()).status === 401, { withinMs: 1000 });
  expect(performance.now() - revokedAt).toBeLessThan(1000);
});

describe('a snapshot is not taken', () => {
  const mine = () => ({ tokens: snapshot().tokens.map((token) => ({ ...token, status: 'REVOKED' as const })) });
  const stillServes = async () => {
    await eventually(async () => (await readiness()).registry === 'live');
    expect((await read()).status).toBe(200);
  };

  test('when another key signed it', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const payload = JSON.stringify(snapshot({ generation: clinic.registry.generation + 1, ...mine() }));
    const signature = sign(null, Buffer.from(payload), privateKey).toString('base64url');
    clinic.registry.send({ payload, key_id: 'registry', signature });
    await stillServes();
  });

  test('when it was altered after it was signed', async () => {
    const signed = clinic.registry.sign(snapshot({ generation: clinic.registry.generation + 1 }));
    clinic.registry.send({ ...signed, payload: signed.payload.replace('"ACTIVE"', '"PAUSED"') });
    await stillServes();
  });

  test('when it is of another environment', async () => {
    const generation = clinic.registry.generation + 1;
    clinic.registry.send(clinic.registry.sign(snapshot({ generation, environment: 'production', ...mine() })));
    await stillServes();
  });

  test('when it is older than the one already seen', async () => {
    clinic.registry.send(clinic.registry.sign(snapshot({ generation: clinic.registry.generation - 1, ...mine() })));
    await stillServes();
    expect((await readiness()).generation).toBe(clinic.registry.generation);
  });
});

test('a change that the stream lost is in force within a second', async () => {
  partner.tokenEntry.status = 'REVOKED';
  clinic.registry.generation += 1;
  await eventually(async () => (await read()).status === 401, { withinMs: 1000 });
});

test('a registry that went back in time is believed neither before nor after a restart', async () => {
  const kept = clinic.registry.generation;
  const path = join(clinic.config.DATA_DIR, 'gateway', 'last-good-snapshot.json');
  await eventually(async () => (await readFile(path, 'utf8')).includes(lowStock));
  partner.tokenEntry.scopes = [];
  clinic.registry.generation -= 1;
  const gateway = await clinic.restart();
  await gateway.ready();
  expect(await readiness()).toMatchObject({ generation: kept, registry: 'stale', writes: false });
  expect((await read()).status).toBe(200);
  expect(await codeOf(await write())).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
  clinic.registry.generation = kept + 1;
  clinic.registry.send(clinic.registry.sign(snapshot()));
  await eventually(async () => (await readiness()).registry === 'live');
  expect((await read()).status).toBe(403);
});

test('a request under way ends as it began, although its token and its document have ended', async () => {
  const underWay = clinic.post({ documentId: lowStock, variables: { first: HELD } }, partner.token);
  await eventually(() => clinic.subgraphs.inventory.calls.length === 1);
  partner.tokenEntry.status = 'REVOKED';
  for (const entry of clinic.registry.state.documents) entry.status = 'RETIRED';
  await clinic.settle();
  expect((await read()).status).toBe(401);
  releaseHeld();
  expect((await underWay).status).toBe(200);
});

describe('while the registry is away', () => {
  test('reads go on, writes are refused with 503, and /readyz says so', async () => {
    expect((await write()).status).toBe(200);
    await clinic.stopSubgraph('integration');
    await eventually(async () => (await readiness()).registry === 'stale');
    expect(await readiness()).toMatchObject({ status: 'reads-only', writes: false });
    expect((await read()).status).toBe(200);
    expect(await codeOf(await write())).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    expect(clinic.confirmed.count).toBe(1);
    await clinic.startSubgraph('integration');
    await eventually(async () => (await readiness()).writes === true);
    expect((await write()).status).toBe(200);
  });

  test('a restarted gateway goes on from its last good snapshot, kept where only we can read it', async () => {
    const path = join(clinic.config.DATA_DIR, 'gateway', 'last-good-snapshot.json');
    await eventually(async () => (await readFile(path, 'utf8')).includes(lowStock));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await clinic.stopSubgraph('integration');
    const gateway = await clinic.restart();
    await gateway.ready();
    expect(await readiness()).toMatchObject({ status: 'reads-only', generation: clinic.registry.generation });
    expect((await read()).status).toBe(200);
    expect(await codeOf(await write())).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
  });

  test('a restarted gateway believes neither an old snapshot nor one that was altered', async () => {
    const path = join(clinic.config.DATA_DIR, 'gateway', 'last-good-snapshot.json');
    const kept = await eventually(async () => {
      const text = await readFile(path, 'utf8').catch(() => '');
      return text.includes(lowStock) && (JSON.parse(text) as { documents: unknown[]; snapshot: { payload: string } });
    });
    await clinic.stopSubgraph('integration');
    const issued_at = new Date(Date.now() - 16 * 60_000).toISOString();
    const bad = [
      clinic.registry.sign(snapshot({ issued_at })),
      { ...clinic.registry.sign(snapshot()), signature: 'AAAA' },
      { ...clinic.registry.sign(snapshot()), payload: kept.snapshot.payload.replace('REVOKED', 'ACTIVE') },
    ];
    for (const one of bad) {
      await clinic.restart();
      await writeFile(path, JSON.stringify({ ...kept, snapshot: one }));
      await clinic.restart();
      const becomesReady = eventually(async () => (await clinic.get('/readyz')).ok, { withinMs: 700 });
      await expect(becomesReady).rejects.toThrow('did not happen');
      expect(await codeOf(await read())).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    }
  });
});

test('a refusal that could not be reported is reported after a restart, once', async () => {
  const foreign = clinic.addPartner([]);
  clinic.addDocument(foreign, LOW_STOCK);
  await clinic.settle();
  await clinic.stopSubgraph('integration');
  const answer = await read(foreign.token);
  const requestId = answer.headers.get('request-id');
  expect(answer.status).toBe(403);
  const folder = join(clinic.config.DATA_DIR, 'gateway', 'reports');
  await eventually(async () => (await readdir(folder)).some((name) => name.endsWith('.json')));
  await clinic.restart();
  await clinic.startSubgraph('integration');
  const found = () =>
    clinic.registry.reports.flatMap(({ refusals }) => refusals).filter((one) => one.request_id === requestId);
  await eventually(() => found().length > 0);
  await eventually(async () => (await readdir(folder)).length === 0);
  expect(found()).toHaveLength(1);
});

test('uses and compile results reach the registry', async () => {
  const broken = clinic.addDocument(partner, 'query Broken { thereIsNoSuchField }');
  await clinic.settle();
  for (let time = 0; time < 3; time += 1) await read();
  const uses = () =>
    clinic.registry.reports.flatMap((report) => report.uses).filter(({ operation }) => operation === lowStock);
  await eventually(() => uses().reduce((total, { count }) => total + count, 0) === 3);
  expect(uses()[0]).toMatchObject({ integration_id: partner.integrationId, token_id: partner.tokenEntry.id });
  const compiled = await eventually(() => {
    const all = clinic.registry.reports.flatMap((report) => report.compiled);
    return all.some((one) => one.document_id === broken) && all;
  });
  expect(compiled.find((one) => one.document_id === lowStock)).toMatchObject({ ok: true, error: null });
  expect(compiled.find((one) => one.document_id === broken)).toMatchObject({ ok: false });
  expect(await codeOf(await clinic.post({ documentId: broken }, partner.token))).toEqual([
    503,
    'TEMPORARILY_UNAVAILABLE',
  ]);
});

test('a text that does not fit its hash is not executed', async () => {
  const id = `sha256:${'b'.repeat(64)}`;
  clinic.registry.texts.set(id, LOW_STOCK);
  clinic.registry.state.documents.push({
    id,
    integration_id: partner.integrationId,
    name: 'Swapped',
    aliases: [],
    status: 'ACTIVE',
  });
  await clinic.settle();
  const answer = await clinic.post({ documentId: id, variables: { first: 1 } }, partner.token);
  expect(await codeOf(answer)).toEqual([404, 'PERSISTED_DOCUMENT_NOT_FOUND']);
});
