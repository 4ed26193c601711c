import { subgraph as billingSubgraph } from '@bridgework/billing';
import { sealAuditEntries, verifyAuditChain } from '@bridgework/kernel/audit-seals';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import type { ISql, Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { randomFrom, seedOfRun } from '../support/random.ts';
import { omar, type Registry, startRegistry } from '../support/registry.ts';
import { openSubgraph, type SubgraphUnderTest } from '../support/subgraph.ts';
import { type Done, openLane } from './audit/random-operations.ts';

const OPERATIONS = 5_000;
const LANES = 4;
const seed = seedOfRun();

let registry: Registry;
let billing: SubgraphUnderTest;
let workers: Database;
let owner: Sql;
let done: readonly Done[];

beforeAll(async () => {
  registry = await startRegistry();
  owner = registry.clinic.as('owner', 2);
  billing = openSubgraph(billingSubgraph, registry.clinic);
  const core = registry.clinic.as('core_app');
  const rows = await writeClinicRows(core);
  const invoices: string[] = [];
  for (let i = 0; i < 40; i += 1) invoices.push(await issueInvoice(core, rows, { totalMinor: 30_000 }));
  workers = openDatabase({ url: registry.clinic.urlFor('bridgework_workers'), applicationName: 'test' });
  done = await runAll({ registry, invoices, contextOf: billing.contextOf });
  for (let sealed = 1; sealed > 0; ) sealed = await sealAuditEntries(workers.db, 1_000);
}, 240_000);
afterAll(async () => {
  await workers.close();
  await billing.close();
  await registry.stop();
});

/** The sealer works beside the writers, as it does in life. */
async function runAll(world: Parameters<typeof openLane>[0]): Promise<readonly Done[]> {
  const all: Done[] = [];
  let left = OPERATIONS;
  const lanes = Array.from({ length: LANES }, async (_, index) => {
    const lane = openLane(world);
    const random = randomFrom(seed + index);
    while (left > 0) {
      left -= 1;
      all.push(await lane.next(random));
      if (all.length % 100 === 0) await sealAuditEntries(workers.db, 1_000);
    }
  });
  await Promise.all(lanes);
  return all;
}

describe(`${OPERATIONS} operations by chance (TEST_SEED=${seed})`, () => {
  test('are each in the audit log exactly once, whether carried out, refused or repeated', async () => {
    const rows = await owner<{ request_id: string; action: string; result: string }[]>`
      select request_id, action, result from audit.entries`;
    expect(rows.map(({ request_id, action }) => `${action} ${request_id}`).sort()).toEqual(
      done.map(({ action, requestId }) => `${action} ${requestId}`).sort(),
    );
    expect(rows).toHaveLength(OPERATIONS);
    expect(new Set(rows.map(({ result }) => result))).toEqual(new Set(['OK', 'REJECTED', 'DENIED', 'REPLAY']));
    expect(new Set(rows.filter(({ result }) => result === 'OK').map(({ action }) => action)).size).toBeGreaterThan(10);
  });

  test('leave no effect without its entry', async () => {
    const [row] = await owner`select
      (select count(*)::integer from billing.payments) - (select count(*)::integer from audit.entries
        where action = 'payment.confirm' and result = 'OK') as payments,
      (select count(*)::integer from integration.tokens) - (select count(*)::integer from audit.entries
        where action = 'token.issue' and result = 'OK') as tokens,
      (select count(*)::integer from integration.integrations) - (select count(*)::integer from audit.entries
        where action = 'integration.register' and result = 'OK') as integrations`;
    expect(row).toEqual({ payments: 0, tokens: 0, integrations: 0 });
  });

  test('are sealed into a chain that holds', async () => {
    const { head, ...found } = await verifyAuditChain(workers.db);
    expect(found).toEqual({ verifiedPosition: OPERATIONS, complete: true, faults: [], unsealedCount: 0 });
    expect(await registry.query('verifyAuditLog', {}, omar)).toEqual({
      intact: true,
      isComplete: true,
      verifiedPosition: OPERATIONS,
      headHash: head?.hash,
      firstFault: null,
      unsealedCount: 0,
    });
  });
});

/** What somebody with the superuser's hands does to the log, without its triggers; undone afterwards. */
const tampered = async <Result>(
  statements: readonly string[],
  look: (tx: ISql) => Promise<Result>,
): Promise<Result> => {
  const seen: Result[] = [];
  await owner
    .begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      for (const statement of statements) await tx.unsafe(statement);
      seen.push(await look(tx));
      throw new Error('undo');
    })
    .catch((error: Error) => {
      if (error.message !== 'undo') throw error;
    });
  const [result] = seen;
  if (result === undefined) throw new Error('nothing was seen');
  return result;
};

const faultsIn = (tx: ISql) => tx<{ fault: string; seal_position: string | null }[]>`
  select fault, seal_position from audit.verify() where fault <> 'unsealed for more than 5 s'
  order by seal_position nulls last`;

describe('a sealed row', () => {
  const at = (position: number, column = 'entry_key') =>
    `(select ${column} from audit.seals where position = ${position})`;
  const EDITS = [
    "actor = actor || 'x'",
    "action = 'payment.forget'",
    "entity = 'x'",
    "entity_id = 'x'",
    "result = case result when 'OK' then 'DENIED' else 'OK' end",
    "error_message = 'x'",
    "request_id = 'x'",
    "occurred_at = occurred_at + interval '1 ms'",
    "integration_id = 'int_x'",
    "written_by = 'x'",
    'occurrences = occurrences + 1',
    "id = 'aud_x'",
  ];
  const random = randomFrom(seed);
  const places = Array.from({ length: 6 }, () => random.int(1, OPERATIONS - 1));

  test.each(EDITS)('that was edited is located: %s', async (edit) => {
    for (const position of [1, random.pick(places), OPERATIONS]) {
      const faults = await tampered([`update audit.entries set ${edit} where key = ${at(position)}`], faultsIn);
      expect([...faults]).toEqual([{ fault: 'entry or seal edited', seal_position: String(position) }]);
    }
  });

  test.each(places)('that was deleted is located, at %i', async (position) => {
    const entry = await tampered([`delete from audit.entries where key = ${at(position)}`], faultsIn);
    expect([...entry]).toEqual([{ fault: 'entry deleted', seal_position: String(position) }]);
    const seal = await tampered([`delete from audit.seals where position = ${position}`], faultsIn);
    expect(seal[0]).toEqual({ fault: 'seal missing', seal_position: String(position) });
    const both = await tampered(
      [`delete from audit.entries where key = ${at(position)}`, `delete from audit.seals where position = ${position}`],
      faultsIn,
    );
    expect(both[0]).toEqual({ fault: 'seal missing', seal_position: String(position) });
  });

  test.each(places)('that changed places with the next is located, at %i', async (position) => {
    const [here, there] = [position, position + 1];
    const swap = [
      `update audit.seals set position = 1000000 where position = ${here}`,
      `update audit.seals set position = ${here} where position = ${there}`,
      `update audit.seals set position = ${there} where position = 1000000`,
    ];
    const faults = await tampered(swap, faultsIn);
    expect(faults[0]?.seal_position).toBe(String(here));
  });

  test('that is missing at the end shows beside an exported head, also when the chain has grown again', async () => {
    const { head } = await verifyAuditChain(workers.db);
    if (head === null) throw new Error('nothing is sealed');
    const cut = [
      `delete from audit.entries where key in (select entry_key from audit.seals where position > ${OPERATIONS - 10})`,
      `delete from audit.seals where position > ${OPERATIONS - 10}`,
    ];
    const heads = JSON.stringify([head]);
    const missing = (tx: ISql) => tx`select * from audit.missing_heads(${heads}::text::jsonb) as position`;
    expect([...(await tampered(cut, faultsIn))]).toEqual([]);
    expect([...(await tampered(cut, missing))]).toEqual([{ position: String(OPERATIONS) }]);
    const grown = [
      ...cut,
      ...Array.from(
        { length: 20 },
        () => "select audit.append('user x', null, 'token.issue', 'token', 'x', 'OK', null, 'r')",
      ),
      'select audit.seal(100)',
    ];
    expect([...(await tampered(grown, faultsIn))]).toEqual([]);
    expect([...(await tampered(grown, missing))]).toEqual([{ position: String(OPERATIONS) }]);
  });
});
