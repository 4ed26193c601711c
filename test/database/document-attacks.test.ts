import { createHash } from 'node:crypto';
import { LOGIN_ROLES } from '@bridgework/kernel/migrate';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const MUTATION = 'mutation M { confirmPayment { id } }';
const QUERY = 'query Q { me { name } }';
const hashOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

let database: TestDatabase;
let integration: number;

beforeAll(async () => {
  database = await createDatabase();
  const registry = database.as('bridgework_integration', 1);
  integration = await activeIntegration(registry, 'Partner', ['read:appointments', 'write:payments']);
  await addSet(registry, 'waiting', MUTATION, 'mutation');
  await addSet(registry, 'approved', QUERY, 'query');
  await registry`update integration.document_sets set status = 'APPROVED', decided_by = 'user b', decided_at = now()
    where name = 'approved'`;
});
afterAll(() => database.drop());

async function addSet(registry: Sql, name: string, text: string, type: string): Promise<void> {
  await registry`insert into integration.document_sets (integration_key, name, version, format, content_sha256,
      supergraph_sha256, registered_by, status)
    select ${integration}, ${name}, coalesce(max(version), 0) + 1, 'TEXT', ${sha(name)}, ${sha('graph')}, 'user a',
      'PENDING_APPROVAL' from integration.document_sets where integration_key = ${integration}`;
  await registry`insert into integration.documents (document_set_key, integration_key, hash, name, operation_type, text, status)
    select key, ${integration}, ${hashOf(text)}, ${name}, ${type}, ${text}, 'PENDING_APPROVAL'
    from integration.document_sets where name = ${name}`;
}

const approve = (how: string) =>
  `update integration.document_sets set status = 'APPROVED', ${how} where name = 'waiting'`;
const activateSet = `update integration.document_sets set status = 'ACTIVE', activated_by = 'user a', activated_at = now()
  where name = 'waiting'`;
const activateDocuments = [
  "update integration.documents set status = 'APPROVED' where name = 'waiting'",
  "update integration.documents set compiled_at = now() where name = 'waiting'",
  "update integration.documents set status = 'ACTIVE' where name = 'waiting'",
];
const newSet = (values: string) => `insert into integration.document_sets (integration_key, name, version, format,
  content_sha256, supergraph_sha256, registered_by, status, registered_at, single_manager, submitted_by, document_count)
  select key, 'fresh', 99, 'TEXT', repeat('a', 64), repeat('b', 64), 'user a', ${values} from integration.integrations`;
const newDocument = (set: string, status: string, type = 'mutation') => `insert into integration.documents
  (document_set_key, integration_key, hash, name, operation_type, text, status, compiled_at)
  select key, integration_key, '${hashOf(MUTATION)}', 'smuggled', '${type}', '${MUTATION}', '${status}', now()
  from integration.document_sets where name = '${set}'`;
const later = "decided_at = now() + interval '25 hours'";

/** Each way is one transaction of somebody who is `user a` alone. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'the document alone': ["update integration.documents set status = 'ACTIVE' where name = 'waiting'"],
  'the document step by step': activateDocuments,
  'approved by who registered it': [
    approve("decided_by = 'user a', decided_at = now()"),
    activateSet,
    ...activateDocuments,
  ],
  'approved by nobody': [approve('decided_by = null'), activateSet, ...activateDocuments],
  'approved by policy': [approve('approved_by_policy = true'), activateSet, ...activateDocuments],
  'registered by another, afterwards': [
    "update integration.document_sets set registered_by = 'user z' where name = 'waiting'",
    approve("decided_by = 'user a', decided_at = now()"),
  ],
  'submitted by another, afterwards': [
    "update integration.document_sets set submitted_by = '{user z}' where name = 'waiting'",
    approve("decided_by = 'user a', decided_at = now()"),
  ],
  'a single manager without the delay': [
    approve("single_manager = true, decision_reason = 'x', decided_by = 'user a', decided_at = now()"),
  ],
  'a single manager in the future': [
    approve(`single_manager = true, decision_reason = 'x', decided_by = 'user a', ${later}`),
  ],
  'a single manager of a set from the past': [
    newSet("'PENDING_APPROVAL', now() - interval '2 days', true, '{user a}', 1"),
    newDocument('fresh', 'PENDING_APPROVAL'),
    "update integration.document_sets set status = 'APPROVED', decision_reason = 'x', decided_by = 'user a', decided_at = now() where name = 'fresh'",
  ],
  'a set that begins approved': [newSet("'APPROVED', now(), false, '{user a}', 1")],
  'a set that begins active': [newSet("'ACTIVE', now(), false, '{user a}', 1")],
  'a document that begins active': [newDocument('waiting', 'ACTIVE')],
  'one more document in an approved set': [newDocument('approved', 'PENDING_APPROVAL')],
  'one more document in a set that waits': [newDocument('waiting', 'PENDING_APPROVAL')],
  'a mutation that calls itself a query, by policy': [
    newSet("'VALIDATED', now(), false, '{user a}', 1"),
    newDocument('fresh', 'VALIDATED', 'query'),
    "update integration.document_sets set status = 'APPROVED', approved_by_policy = true where name = 'fresh'",
  ],
  'another text under an approved name': [
    `update integration.documents set text = '${MUTATION}' where name = 'approved'`,
  ],
  'a policy of its own': [
    "update integration.integrations set document_policy = 'QUERIES'",
    approve('approved_by_policy = true'),
  ],
  'without the guards': ['alter table integration.document_sets disable trigger all', activateSet],
  'as a replica': ["set session_replication_role = 'replica'", ...activateDocuments],
  'as the owner': ['set role bridgework_owner', ...activateDocuments],
};

describe.each(LOGIN_ROLES)('%s', (role) => {
  let attacker: Sql;
  let owner: Sql;
  beforeAll(() => {
    attacker = database.as(role, 1);
    owner = database.as('owner', 1);
  });
  afterAll(() => Promise.all([attacker.end(), owner.end()]));

  test.each(Object.entries(WAYS))('activates no mutation document with one identity: %s', async (_way, statements) => {
    const look = () => owner`select s.name, s.status, s.decided_by, d.name as document, d.status as document_status
      from integration.document_sets s join integration.documents d on d.document_set_key = s.key order by s.key, d.key`;
    const before = [...(await look())];
    const attack = attacker.begin(async (tx) => {
      for (const statement of statements) await tx.unsafe(statement);
    });
    await expect(attack).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|BW00\d|23[0-9A-Z]{3})$/) });
    expect([...(await look())]).toEqual(before);
  });
});
