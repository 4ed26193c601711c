import { request } from 'node:http';
import { newId } from '@bridgework/kernel/ids';
import { SCOPE_NAMES } from '@bridgework/schema';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { appointmentRow, capture, criterion, expectProblem, here, issuedInvoice, key, write } from './walk.ts';

criterion(['2.2.3', '3.1'], async () => {
  const row = await appointmentRow('2035-01-02', 'authority');
  await write('/appointment-imports', { rows: [row] });
  const moved = { ...row, starts_at: '2035-01-02T10:00:00Z', ends_at: '2035-01-02T10:30:00Z' };
  expectProblem(await write('/appointment-imports', { rows: [moved] }), 409, 'clinic-authoritative');
  const taken = { ...row, external_id: 'another' };
  expectProblem(await write('/appointment-imports', { rows: [taken] }), 409, 'slot-conflict');
  return 'other content for a known external id: 409 clinic-authoritative; a slot that the clinic gave away: 409 slot-conflict';
});

criterion('3.2', async () => {
  const { reader, clinic } = here();
  expectProblem(await reader.rest('GET', '/appointments?sort=name'), 400, 'unknown-field');
  const { body } = await clinic.fetch('/api/v1/openapi.json');
  expect(Object.keys(body.paths).length).toBeGreaterThan(15);
  return `an unknown parameter: 400 unknown-field; OpenAPI ${body.openapi} documents ${Object.keys(body.paths).length} paths`;
});

criterion(['3.3', '4.1.3'], async () => {
  const { clinic, writer } = here();
  const rows = await Promise.all(
    Array.from({ length: 51 }, async (_, at) => {
      const startsAt = Date.parse('2035-04-02T00:00:00Z') + at * 1_200_000;
      const [starts_at, ends_at] = [startsAt, startsAt + 1_200_000].map((ms) => new Date(ms).toISOString());
      return { ...(await appointmentRow('2035-04-02', `large-${at}`)), starts_at, ends_at };
    }),
  );
  const asked = await write('/appointment-imports', { rows });
  expect([asked.status, asked.body.status]).toEqual([202, 'RUNNING']);
  const done = await eventually(
    async () => {
      const { body } = await writer.rest('GET', `/appointment-imports/${asked.body.id}`);
      return body.status === 'RUNNING' ? undefined : body;
    },
    { withinMs: 15_000 },
  );
  expect([done.status, done.imported_count]).toEqual(['DONE', 51]);
  const delivered = await eventually(
    () => clinic.receiver.events.filter(({ payload }) => payload.event_type === 'appointment.created').length >= 51,
    { withinMs: 15_000 },
  );
  expect(delivered).toBe(true);
  return `51 rows: ${asked.status} at once, ${done.status} by a worker; each booking then told by an event, nobody waited`;
});

criterion(['3.4', '6.4.2'], async () => {
  const { clinic } = here();
  const body = capture(await issuedInvoice(10_000));
  const idempotencyKey = key();
  const answers = await Promise.all([1, 2, 3].map(() => write('/payment-confirmations', body, idempotencyKey)));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  // A production scope set is never as wide as this one: to reach every write there is.
  const everything = await clinic.partner({
    scopes: SCOPE_NAMES,
    allowedImageHosts: ['pacs.partner.example'],
  });
  const { body: reference } = await clinic.fetch('/api/v1/openapi.json');
  const posts = Object.entries<{ post?: object }>(reference.paths).flatMap(([path, { post }]) => (post ? [path] : []));
  for (const path of posts) {
    const answer = await everything.rest(
      'POST',
      path.replace('/api/v1', '').replace('{id}', newId(path.includes('endpoints') ? 'whe' : 'dlv')),
      { body: {} },
    );
    expectProblem(answer, 400, 'idempotency-key-missing');
  }
  return `three at once under one key: one payment ${answers[0]?.body.payment_id}; all ${posts.length} POSTs without a key: 400`;
});

criterion('3.5', async () => {
  const answer = await here().writer.rest('GET', '/appointments');
  const asked = answer.headers.get('www-authenticate');
  expect([answer.status, asked]).toEqual([403, expect.stringContaining('scope="read:appointments"')]);
  return `${answer.status}, ${asked}`;
});

criterion(['3.6', '15.5'], async () => {
  const { clinic } = here();
  let hanging = 0;
  clinic.receiver.answer(() => {
    hanging += 1;
    return 'never';
  });
  await issuedInvoice(1_000);
  await eventually(() => hanging > 0, { withinMs: 10_000 });
  const startedAt = performance.now();
  const invoiceId = await issuedInvoice(1_000);
  const ms = performance.now() - startedAt;
  clinic.receiver.answer(() => 204);
  const [row] = await clinic.owner`select status from billing.invoices where id = ${invoiceId}`;
  expect(row?.status).toBe('ISSUED');
  // The receiver would have held it for the whole deadline of ten seconds.
  expect(ms).toBeLessThan(2_000);
  return `while a receiver never answered the clinic issued an invoice in ${Math.round(ms)} ms`;
});

criterion(['4.1.1', '6.1.5'], async () => {
  const { reader } = here();
  const versions = await Promise.all(
    ['/api/v1', '/api/v2'].map((base) =>
      here().clinic.fetch(`${base}/appointments?limit=1`, { headers: { authorization: `Bearer ${reader.token}` } }),
    ),
  );
  expect(versions.map(({ status }) => status)).toEqual([200, 200]);
  const said = versions.map(({ headers }) => headers.get('api-version'));
  expect(said[0]).not.toBe(said[1]);
  const without = await here().clinic.fetch('/api/appointments');
  expect(without.status).toBe(404);
  return `/api/v1 answers ${said[0]}, /api/v2 ${said[1]}; a path without a version: ${without.status}`;
});

criterion('4.1.4', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const asked = request(
      {
        socketPath: here().clinic.socketOf('billing'),
        path: '/graphql',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    asked.on('error', reject);
    asked.end('{"query":"{ _service { sdl } }"}');
  });
  expect(status).toBe(401);
  return `a subgraph asked without the gateway's signature: ${status}, not even its SDL`;
});

criterion(['2.2.1', '4.1.5'], async () => {
  const { reader, clinic } = here();
  const before = clinic.askedOfSubgraphs();
  const refused: number[] = [];
  for (const query of ['{ _service { sdl } }', '{ __schema { types { name } } }', '{ patients { fullName } }']) {
    const answer = await reader.graphql({ query });
    expect(answer.body.data ?? null, query).toBeNull();
    expect(answer.status, query).toBeGreaterThanOrEqual(400);
    refused.push(answer.status);
  }
  expect(clinic.askedOfSubgraphs()).toBe(before);
  // Not even the gateway, which partners talk to, can log in: no role is made for it.
  const roles =
    await clinic.owner`select rolname as name from pg_roles where rolcanlogin and rolname ~ 'gateway|partner'`;
  expect(roles).toEqual([]);
  return `SDL, introspection and text of a partner's own: ${refused.join(', ')}, no subgraph was asked; the database has no login for gateway or partners`;
});

criterion('4.1.6', async () => {
  const { clinic, writer } = here();
  const answer = await writer.rest('GET', '/visits');
  expect(answer.status).toBe(403);
  const requestId = answer.headers.get('request-id') ?? '';
  const entry = await eventually(
    async () => {
      const [row] = await clinic.owner`select id, action, result, integration_id from audit.entries
        where request_id = ${requestId}`;
      return row;
    },
    { what: 'the refusal is audited' },
  );
  expect([entry.result, entry.integration_id]).toEqual(['DENIED', writer.integrationId]);
  return `a request without its scope: ${answer.status}, audited as ${entry.id} ${entry.action} ${entry.result}`;
});
