import { LOGIN_ROLES } from '@bridgework/kernel/migrate';
import { SCOPES } from '@bridgework/schema';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Random, randomFrom } from '../support/random.ts';

/**
 * Somebody who has taken over a process of ours and knows one manager's name: whatever they write, under whatever role
 * and in whatever order, no sensitive scope works. Each attack is statements by chance from all that could help.
 */
const SENSITIVE = Object.keys(SCOPES).filter((name) => SCOPES[name as keyof typeof SCOPES].sensitive);
const STATEMENTS_PER_ATTACK = 160;

let database: TestDatabase;
let owner: Sql;
beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
});
afterAll(() => database.drop());

const texts = (values: readonly string[]): string => `array[${values.map((value) => `'${value}'`).join(', ')}]::text[]`;

/** One statement; `who` gives the identity it is written under. */
function statement(random: Random, who: () => string): string {
  const scope = `'${random.pick(['write:payments', 'read:financials'])}'`;
  const scopes = random.pick([
    `array[${scope}]`,
    texts(SENSITIVE),
    texts(['read:appointments', 'write:payments']),
    `array[]::text[]`,
  ]);
  const at = random.pick([
    'now()',
    "now() - interval '25 hours'",
    "now() - interval '1 year'",
    "now() + interval '2 days'",
  ]);
  const until = random.pick(["now() + interval '20 days'", "now() + interval '1 year'", "'infinity'", 'null']);
  const by = `'${who()}'`;
  const single = random.pick(['true', 'false']);
  // One row each, by chance, so that a row which is refused protects no other.
  const one = (table: string, condition = 'true') =>
    `key = (select key from integration.${table} where ${condition} order by random() limit 1)`;
  return random.pick([
    `insert into integration.integrations (name, purpose, business_justification, data_scope, risk_assessment,
       internal_owner, review_every_months, requested_scopes, created_by)
     select 'x' || gen_random_uuid(), 'x', 'x', 'x', 'x', 'x', 6, ${scopes}, ${by}
     where (select count(*) from integration.integrations where status <> 'ACTIVE') < 2`,
    `insert into integration.integrations (name, purpose, business_justification, data_scope, risk_assessment, internal_owner,
       review_every_months, requested_scopes, approved_scopes, created_by, submitted_by, submitted_at, single_manager)
     values ('x' || gen_random_uuid(), 'x', 'x', 'x', 'x', 'x', 6, ${scopes}, ${scopes}, ${by}, ${by}, ${at}, ${single})`,
    `update integration.integrations set status = 'SUBMITTED', submitted_by = ${by}, submitted_at = ${at}
     where ${one('integrations', "status = 'DRAFT'")}`,
    `update integration.integrations set status = 'ACTIVE', decided_by = ${by}, decided_at = ${at}, decision_reason = 'x',
       single_manager = ${single}, review_due_on = current_date + 9,
       approved_scopes = ${random.pick([scopes, 'requested_scopes', 'approved_scopes'])}
     where ${one('integrations', "status = 'SUBMITTED'")}`,
    `update integration.integrations set approved_scopes = ${scopes} where ${one('integrations', "status = 'ACTIVE'")}`,
    `update integration.integrations set approved_scopes = approved_scopes || ${scopes}
     where ${one('integrations', "status = 'ACTIVE'")}`,
    `update integration.integrations set requested_scopes = ${scopes}, editing_by = ${by} where ${one('integrations')}`,
    `update integration.integrations set submitted_at = ${at}, decided_at = ${at}, single_manager = ${single}
     where ${one('integrations')}`,
    `update integration.integrations set created_by = 'user other', submitted_by = 'user other', edited_by = '{}'
     where ${one('integrations')}`,
    `insert into integration.approvals (integration_key, kind, scope, justification, requested_by, requested_at, expires_at)
     select key, 'SCOPE', ${scope}, 'x', ${by}, ${at}, ${until} from integration.integrations
     where ${one('integrations', "status in ('SUBMITTED', 'ACTIVE')")}`,
    `insert into integration.approvals (integration_key, kind, scope, status, justification, requested_by, requested_at,
       decided_by, decided_at, expires_at, single_manager)
     select key, 'SCOPE', ${scope}, 'APPROVED', 'x', ${by}, ${at}, ${by}, ${at}, ${until}, ${single}
     from integration.integrations where ${one('integrations')}`,
    `update integration.approvals set status = 'APPROVED', decided_by = ${by}, decided_at = ${at}, decision_reason = 'x',
       single_manager = ${single}, expires_at = ${until} where ${one('approvals', "status = 'PENDING'")}`,
    `update integration.approvals set requested_by = 'user other', requested_at = ${at} where ${one('approvals')}`,
    `update integration.approvals set status = 'PENDING', decided_by = null, decided_at = null where ${one('approvals')}`,
    `update integration.approvals set scope = ${scope}, expires_at = ${until} where ${one('approvals')}`,
    `select integration.record_single_manager(${single})`,
    `update integration.control_state set single_manager = true, single_manager_since = ${at}`,
    `insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment, scopes,
       expires_at, created_by)
     select key, 'x', substr(md5(random()::text), 1, 10), md5(random()::text) || md5(random()::text), 'p', 'sandbox',
       ${scopes}, ${until}, ${by} from integration.integrations where ${one('integrations', "status = 'ACTIVE'")}`,
    `update integration.tokens set scopes = ${scopes}`,
    `create or replace function integration.sensitive_scopes() returns text[] language sql immutable
     as $x$ select '{}'::text[] $x$`,
    'alter table integration.approvals disable trigger all',
    'set session_replication_role = replica',
    'delete from integration.approvals',
  ]);
}

/** What works now, as gateways and workers ask for it. */
const working = () => owner<{ what: string }[]>`
  select 'scope ' || scope as what from integration.integrations i,
    unnest(integration.effective_scopes(i.key, i.approved_scopes)) scope
    where scope = any (integration.sensitive_scopes())
  union all
  select 'token ' || t.id from integration.tokens t where t.scopes && integration.sensitive_scopes()
  union all
  select 'approval ' || a.id from integration.approvals a where a.kind = 'SCOPE' and a.status = 'APPROVED'
    and a.scope = any (integration.sensitive_scopes())`;

async function attack(sql: Sql, seed: number, who: (random: Random) => string): Promise<number> {
  const random = randomFrom(seed);
  let through = 0;
  for (let at = 0; at < STATEMENTS_PER_ATTACK; at += 1) {
    const text = statement(random, () => who(random));
    await sql.unsafe(text).then(
      () => {
        through += 1;
      },
      () => undefined,
    );
  }
  return through;
}

describe('one identity activates no sensitive scope, by whatever statements', () => {
  test.each(LOGIN_ROLES)('as %s', async (role) => {
    const sql = database.as(role, 1);
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const through = await attack(sql, seed, () => 'user a');
      expect([seed, [...(await working())]]).toEqual([seed, []]);
      // The registry's own role gets something through every time: the attack is not refused at the door.
      if (role === 'bridgework_integration') expect(through).toBeGreaterThan(5);
    }
  });
});

test('two identities do activate one, by the same statements: the attack can succeed', async () => {
  const fresh = await createDatabase();
  try {
    const sql = fresh.as('bridgework_integration', 1);
    const look = fresh.as('owner', 1);
    let scopes: readonly unknown[] = [];
    for (let seed = 1; seed <= 20 && scopes.length === 0; seed += 1) {
      await attack(sql, seed, (random) => random.pick(['user a', 'user b']));
      scopes = await look`select scope from integration.integrations i,
        unnest(integration.effective_scopes(i.key, i.approved_scopes)) scope where scope = any (integration.sensitive_scopes())`;
    }
    expect(scopes.length).toBeGreaterThan(0);
  } finally {
    await fresh.drop();
  }
});
