import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, type OpenGateway, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

/**
 * Row 23 of the decision table: the process that recorded a payment is killed after its commit and before its answer. The
 * answer is held back on the way, so that the moment is exactly that one.
 */
const MAIN = fileURLToPath(new URL('../../subgraphs/host/src/main.ts', import.meta.url));
let clinic: Clinic;
let terminal: Partner;
let gateway: OpenGateway;
let folder: string;
let child: ChildProcess | undefined;
let passing = true;
let proxy: Server;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  folder = await mkdtemp(join(tmpdir(), 'kill-'));
  proxy = await startProxy(join(folder, 'proxy.sock'), join(folder, 'billing.sock'));
  await startBilling();
  gateway = await clinic.openGateway({ BILLING_URL: `unix:${join(folder, 'proxy.sock')}` });
  terminal = await clinic.partner({ scopes: ['write:payments'] });
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await gateway?.close();
  proxy?.close();
  await clinic?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The billing subgraph as a process of its own. */
async function startBilling(): Promise<void> {
  const { host } = { host: clinic.hostSettings };
  const env = Object.fromEntries(Object.entries(host).filter(([, value]) => value !== undefined)) as NodeJS.ProcessEnv;
  const started = fork(MAIN, {
    execArgv: ['--conditions=@bridgework/source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...env,
      PATH: process.env.PATH,
      LOG_LEVEL: 'error',
      SUBGRAPHS: 'billing',
      METRICS_PORT: '0',
      BILLING_URL: `unix:${join(folder, 'billing.sock')}`,
    },
  });
  child = started;
  await new Promise<void>((resolve, reject) => {
    started.once('message', () => resolve());
    started.once('exit', (code) => reject(new Error(`The process ended with ${code}.`)));
  });
}

/** Passes everything on; while `passing` is false, no answer. */
function startProxy(path: string, target: string): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(target);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (passing) client.write(chunk);
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

test('row 23: killed after the commit and before the answer, the retry gets the original', async () => {
  const [invoice] = await clinic.core<{ id: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', 10000, current_date + 30 from appointment.patients limit 1 returning id`;
  const invoiceId = invoice?.id ?? '';
  await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${invoiceId}`;
  const body = JSON.stringify({
    invoice_id: invoiceId,
    amount_minor: 10_000,
    currency: 'SAR',
    terminal_id: 'DESK-1',
    terminal_txn_id: randomUUID(),
    captured_at: new Date().toISOString(),
  });
  const key = randomUUID();
  const send = (idempotencyKey: string) =>
    gateway.fetch('/api/v1/payment-confirmations', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${terminal.token}`,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
      },
      body,
    });
  const recorded = async () =>
    clinic.owner<{ id: string }[]>`select id from billing.payments where invoice_id = ${invoiceId}`;

  await eventually(
    async () =>
      (await gateway.fetch('/api/v1/me', { headers: { authorization: `Bearer ${terminal.token}` } })).status === 200,
  );
  passing = false;
  const lost = send(key);
  await eventually(async () => (await recorded()).length === 1, { what: 'the payment is committed' });
  child?.kill('SIGKILL');
  const answer = await lost;
  expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);

  passing = true;
  await startBilling();
  const [payment] = await recorded();
  const again = await send(key);
  expect([again.status, again.headers.get('idempotent-replayed'), again.body.payment_id]).toEqual([
    201,
    'true',
    payment?.id,
  ]);
  const other = await send(randomUUID());
  expect([other.status, other.headers.get('idempotent-replayed'), other.text]).toEqual([200, 'true', again.text]);
  expect(await recorded()).toHaveLength(1);
  const events = await clinic.owner`
    select 1 from outbox.events where type = 'payment.received' and entity_id = ${payment?.id ?? ''}`;
  expect(events).toHaveLength(1);
  const audited = await clinic.owner<{ result: string }[]>`select result from audit.entries
    where action = 'payment.confirm' and integration_id = ${terminal.integrationId} order by key`;
  expect(audited.map(({ result }) => result)).toEqual(['OK', 'REPLAY', 'REPLAY']);
});
