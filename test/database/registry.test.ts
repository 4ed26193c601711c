import { SCOPES } from '@bridgework/schema';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let registry: Sql;

beforeAll(async () => {
  database = await createDatabase();
  registry = database.as('bridgework_integration');
});
afterAll(() => database.drop());

let issued = 0;
const issue = (integrationKey: number, scopes: readonly string[], expires: string | null, environment = 'sandbox') => {
  issued += 1;
  const tail = String(issued).padStart(10, '0');
  return registry<{ key: string }[]>`insert into integration.tokens (integration_key, name, public_id, secret_hash,
      pepper_id, environment, scopes, expires_at, created_by)
    values (${integrationKey}, 't', ${tail}, ${tail.padStart(64, '0')}, 'p1', ${environment}, ${[...scopes]},
      now() + ${expires}::interval, 'user a') returning key`;
};
const refused = { code: 'BW007' };

describe('a token', () => {
  test('of production cannot be stored in a sandbox', async () => {
    const key = await activeIntegration(registry, 'Environment', ['read:appointments']);
    await issue(key, ['read:appointments'], null);
    await expect(issue(key, ['read:appointments'], null, 'production')).rejects.toMatchObject({ code: '23503' });
  });

  test('carries approved scopes only', async () => {
    const key = await activeIntegration(registry, 'Scopes', ['read:appointments']);
    await expect(issue(key, ['read:appointments', 'read:visits'], null)).rejects.toMatchObject(refused);
  });

  test('with a sensitive scope needs an approval that is still good, and ends no later', async () => {
    const key = await activeIntegration(registry, 'Sensitive', ['write:payments']);
    await expect(issue(key, ['write:payments'], null)).rejects.toMatchObject(refused);
    await expect(issue(key, ['write:payments'], '2 years')).rejects.toMatchObject(refused);
    await issue(key, ['write:payments'], '30 days');
    await registry`update integration.approvals set status = 'WITHDRAWN', withdrawn_by = 'user a'
      where integration_key = ${key}`;
    await expect(issue(key, ['write:payments'], '30 days')).rejects.toMatchObject(refused);
  });

  test('is for an integration that is ACTIVE; the end of the integration revokes it', async () => {
    const key = await activeIntegration(registry, 'Life', ['read:appointments']);
    const [token] = await issue(key, ['read:appointments'], null);
    await registry`update integration.integrations set status = 'PAUSED' where key = ${key}`;
    await expect(issue(key, ['read:appointments'], null)).rejects.toMatchObject(refused);
    await registry`update integration.integrations set status = 'DEPRECATED' where key = ${key}`;
    const [row] = await registry`select status from integration.tokens where key = ${token?.key ?? ''}`;
    expect(row).toEqual({ status: 'REVOKED' });
  });

  test('that is revoked stays so, and no token lives longer than it was given', async () => {
    const key = await activeIntegration(registry, 'Final', ['read:appointments']);
    const [token] = await issue(key, ['read:appointments'], '10 days');
    const id = token?.key ?? '';
    await expect(
      registry`update integration.tokens set expires_at = now() + interval '20 days' where key = ${id}`,
    ).rejects.toMatchObject(refused);
    await registry`update integration.tokens set status = 'REVOKED', revoked_at = now(), revoked_by = 'user a'
      where key = ${id}`;
    await expect(
      registry`update integration.tokens set status = 'ACTIVE', revoked_at = null, revoked_by = null where key = ${id}`,
    ).rejects.toMatchObject({ code: 'BW002' });
  });
});

describe('an approval', () => {
  test('is another person’s, or in a clinic with one manager the same person’s after a day, with a reason and an alert', async () => {
    const key = await activeIntegration(registry, 'Persons', ['read:appointments']);
    // What a process of ours says of the time does not count.
    const [asked] = await registry<{ id: string; key: string }[]>`insert into integration.approvals
      (integration_key, kind, scope, justification, requested_by, requested_at)
      values (${key}, 'SCOPE', 'write:payments', 'why', 'user a', now() - interval '25 hours') returning id, key`;
    const approve = (reason: string | null, single = true) =>
      registry`update integration.approvals set status = 'APPROVED', decided_by = 'user a', decided_at = now(),
        single_manager = ${single}, decision_reason = ${reason}, expires_at = now() + interval '1 year'
        where key = ${asked?.key ?? ''}`;
    const refusal = { constraint_name: 'approved_by_another' };
    const age = (interval: string) =>
      database.as('owner', 1).begin(async (tx) => {
        await tx`set local session_replication_role = replica`;
        await tx`update integration.approvals set requested_at = now() - ${interval}::interval where key = ${asked?.key ?? ''}`;
      });
    await age('25 hours');
    await expect(approve('fine')).rejects.toMatchObject(refusal);
    await registry`select integration.record_single_manager(true)`;
    await age('23 hours 59 minutes');
    await expect(approve('fine')).rejects.toMatchObject(refusal);
    await age('24 hours');
    for (const reason of [null, '', '  ']) await expect(approve(reason)).rejects.toMatchObject(refusal);
    await expect(approve('fine', false)).rejects.toMatchObject(refusal);
    await approve('fine');
    const [alert] = await registry`select kind from integration.alerts where entity_id = ${asked?.id ?? ''}`;
    expect(alert).toEqual({ kind: 'single_manager.approved' });
    await registry`select integration.record_single_manager(false)`;
  });

  test('of an integration needs its five governance fields and another person', async () => {
    const [draft] = await registry<{ key: string }[]>`insert into integration.integrations (name, purpose, created_by)
      values ('Bare', 'x', 'user a') returning key`;
    const key = draft?.key ?? '';
    const submit = () => registry`update integration.integrations set status = 'SUBMITTED', submitted_by = 'user a',
      submitted_at = now() where key = ${key}`;
    await expect(submit()).rejects.toMatchObject({ constraint_name: 'governed_before_submitted' });
    await registry`update integration.integrations set business_justification = 'a', data_scope = 'b',
      risk_assessment = 'c', internal_owner = 'd', review_every_months = 6, editing_by = 'user a' where key = ${key}`;
    await submit();
    await expect(
      registry`update integration.integrations set status = 'ACTIVE', decided_by = 'user a', decided_at = now(),
        review_due_on = current_date where key = ${key}`,
    ).rejects.toMatchObject({ constraint_name: 'decided_by_another' });
  });
});

test('the database’s scopes are those of the contract', async () => {
  const [sensitive] = await registry<{ scopes: string[] }[]>`select integration.sensitive_scopes() as scopes`;
  const expected = Object.entries(SCOPES).filter(([, { sensitive }]) => sensitive);
  expect(sensitive?.scopes.toSorted()).toEqual(expected.map(([name]) => name).toSorted());
  const [check] = await registry<{ text: string }[]>`select pg_get_constraintdef(oid) as text from pg_constraint
    where conname = 'known_scopes'`;
  const named = [...(check?.text ?? '').matchAll(/'([a-z]+:[a-z:]+)'/g)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(SCOPES).toSorted());
});

test('every control change raises the generation and says so; uses and deliveries do not', async () => {
  const heard: string[] = [];
  const ears = database.as('bridgework_integration', 1);
  await ears.listen('bridgework_control', (payload) => heard.push(payload));
  const generation = async () =>
    Number((await registry`select generation from integration.control_state`)[0]?.generation);
  const before = await generation();
  const key = await activeIntegration(registry, 'Heard', ['read:appointments']);
  const [token] = await issue(key, ['read:appointments'], null);
  const after = await generation();
  expect(after).toBeGreaterThan(before);
  await registry`insert into integration.token_uses (token_key, operation, use_count, last_used_at)
    values (${token?.key ?? ''}, 'GET /me', 1, now())`;
  expect(await generation()).toBe(after);
  await expect.poll(() => heard.at(-1)).toBe(String(after));
});

test('a simulated core event is asked for by the registry and carried out by the core, once', async () => {
  const core = database.as('core_app');
  const [asked] = await registry<
    { id: string }[]
  >`insert into integration.core_event_requests (event_type, requested_by)
    values ('appointment.created', 'user a') returning id`;
  const id = asked?.id ?? '';
  const claims = await Promise.all(
    Array.from({ length: 3 }, () =>
      core.begin(async (tx) => {
        const [claimed] = await tx<{ id: string }[]>`select id from integration.claim_core_event_request()`;
        if (claimed === undefined) return false;
        const [done] = await tx<{ done: boolean }[]>`select integration.finish_core_event_request(${claimed.id},
          'apt_x', null) as done`;
        return done?.done === true;
      }),
    ),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
  const [row] = await registry`select status, entity_id from integration.core_event_requests where id = ${id}`;
  expect(row).toEqual({ status: 'DONE', entity_id: 'apt_x' });
});
