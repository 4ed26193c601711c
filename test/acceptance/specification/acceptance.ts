import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { criterion, expectProblem, here } from './walk.ts';

criterion('15.1', async () => {
  const { clinic, reader } = here();
  const nobody = await clinic.fetch('/api/v1/appointments');
  const stolen = await clinic.fetch('/graphql', {
    method: 'POST',
    headers: { authorization: `Bearer ${reader.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ integrations(first: 1) { edges { node { id } } } }' }),
  });
  expectProblem(nobody, 401, 'missing-token');
  expect([stolen.status >= 400, stolen.body.data ?? null]).toEqual([true, null]);
  return `nobody: ${nobody.status}; a token at the managers' door: ${stolen.body.errors[0].extensions.code}`;
});

criterion('15.3', async () => {
  const { clinic } = here();
  const owed = await eventually(
    async () => {
      const [row] = await clinic.owner<{ events: number; open: number; delivered: number; audited: number }[]>`
        select (select count(*)::int from outbox.events where fanned_out_at is null) as events,
          count(*) filter (where d.state in ('PENDING', 'LEASED'))::int as open,
          count(*) filter (where d.state = 'DELIVERED')::int as delivered,
          count(*) filter (where d.state = 'DELIVERED' and exists (select from audit.entries a
            where a.action = 'webhook.deliver' and a.entity_id = d.id and a.result = 'OK'))::int as audited
        from integration.deliveries d join integration.webhook_endpoints e on e.key = d.endpoint_key
        where e.url = ${clinic.receiver.url}`;
      return row?.events === 0 && row.open === 0 ? row : undefined;
    },
    { withinMs: 20_000, what: 'everything is delivered' },
  );
  const came = new Set(clinic.receiver.events.map(({ payload }) => payload.event_id)).size;
  expect(came).toBeGreaterThanOrEqual(owed.delivered);
  expect(owed.audited).toBe(owed.delivered);
  return `${owed.delivered} deliveries owed to the reader's endpoint, ${came} events came, none is missing, each audited`;
});

/** What would corrupt money or medical facts, as each process of ours would have to do it. */
const CORRUPTIONS = [
  'update billing.payments set amount_minor = amount_minor + 1',
  'delete from billing.payments',
  'update billing.invoices set total_minor = 1',
  'update billing.business_days set status = $$OPEN$$',
  'update appointment.visits set status = $$OPEN$$',
  'delete from appointment.visits',
  'update appointment.appointments set starts_at = now()',
  'update appointment.patients set full_name = $$x$$',
  'update inventory.stock_movements set quantity = 0',
];

criterion('15.4', async () => {
  const { clinic } = here();
  const { default: postgres } = await import('postgres');
  let refused = 0;
  for (const role of ['appointment', 'billing', 'inventory', 'integration', 'workers'] as const) {
    const sql = postgres(clinic.databaseUrl(`bridgework_${role}`), { max: 1, onnotice: () => undefined });
    for (const statement of CORRUPTIONS) {
      await expect(sql.unsafe(statement), `${role}: ${statement}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|BW)/),
      });
      refused += 1;
    }
    await sql.end();
  }
  return `${refused} of ${refused} statements refused, were each of our five processes in an attacker's hands`;
});

criterion('15.6', async () => {
  const { integrations } = await here().clinic.huda.run(
    '{ integrations(first: 100) { edges { node { name status submittedBy decidedBy approvedScopes } } } }',
  );
  const all = integrations.edges.map(({ node }: { node: object }) => node);
  const active = all.filter(({ status }: { status: string }) => status === 'ACTIVE');
  expect(active.length).toBeGreaterThan(2);
  for (const one of active) {
    expect(one.decidedBy, one.name).not.toBeNull();
    expect(one.decidedBy, one.name).not.toBe(one.submittedBy);
  }
  const [{ n } = { n: -1 }] = await here().clinic.owner<
    { n: number }[]
  >`select count(*)::int as n from integration.tokens t
    join integration.integrations i on i.key = t.integration_key where t.status = 'ACTIVE' and i.decided_by is null`;
  expect(n).toBe(0);
  return `${active.length} active integrations of ${all.length} registered: each approved by somebody else; no token of any other`;
});
