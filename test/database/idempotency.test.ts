import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { type Database, openDatabase, type Tx } from '@bridgework/kernel/database';
import { beginIdempotentRequest, fingerprintOf, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { signal } from '../support/signal.ts';

let database: TestDatabase;
let billing: Database;
let registry: Database;

beforeAll(async () => {
  database = await createDatabase();
  billing = openDatabase({ url: database.urlFor('bridgework_billing'), applicationName: 'test', maxConnections: 12 });
  registry = openDatabase({ url: database.urlFor('bridgework_integration'), applicationName: 'test' });
});
afterAll(async () => {
  await billing.close();
  await registry.close();
  await database.drop();
});

const INTEGRATION = newId('int');
const context = (from: Database = billing): Context => ({
  db: from.db,
  caller: {
    kind: 'integration',
    integrationId: INTEGRATION,
    tokenId: newId('tok'),
    scopes: ['write:payments'],
    environment: 'sandbox',
  },
  now: () => new Date(),
  log: createLogger('test'),
  requestId: newId('req'),
});

const request = (key: string, input: unknown = { a: 1 }) => ({ operation: 'confirmPayment', key, input });

/** Does the work once; answers what the first one stored. */
const run = (
  key: string,
  input?: unknown,
  work: (tx: Tx) => Promise<unknown> = async () => ({ made: newId('pay') }),
) => {
  const ctx = context();
  return ctx.db.transaction(async (tx) => {
    const verdict = await beginIdempotentRequest<unknown>(tx, ctx, request(key, input));
    if (verdict.kind === 'replay') return { ...verdict };
    const outcome = await work(tx);
    await finishIdempotentRequest(tx, verdict.begun, outcome);
    return { kind: verdict.kind, outcome };
  });
};

describe('an idempotency key', () => {
  test('lets ten that come at once do the work once and gives all of them its outcome', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => run('ten')));
    expect(new Set(answers.map(({ outcome }) => JSON.stringify(outcome))).size).toBe(1);
    expect(answers.filter(({ kind }) => kind === 'fresh')).toHaveLength(1);
  });

  test('with other content is refused; the order of members is not content', async () => {
    await run('content', { a: 1, b: 2 });
    expect((await run('content', { b: 2, a: 1 })).kind).toBe('replay');
    await expect(run('content', { a: 1, b: 3 })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(fingerprintOf({ operation: 'x', input: { a: 1, b: 2 } })).toBe(
      fingerprintOf({ operation: 'x', input: { b: 2, a: 1 } }),
    );
  });

  test('is free again when the work is rolled back', async () => {
    await expect(run('rolled-back', undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await run('rolled-back')).kind).toBe('fresh');
  });

  test('of a request that runs for more than two seconds is in progress', async () => {
    const begun = signal();
    const released = signal();
    const ctx = context();
    const slow = ctx.db.transaction(async (tx) => {
      const verdict = await beginIdempotentRequest(tx, ctx, request('slow'));
      begun.give();
      // Kept busy, for an idle transaction would be ended.
      while (!released.isGiven()) await tx.execute(sql`select pg_sleep(0.05)`);
      if (verdict.kind === 'fresh') await finishIdempotentRequest(tx, verdict.begun, { ok: true });
    });
    await begun.given;
    const waitedFrom = Date.now();
    await expect(run('slow')).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' });
    expect(Date.now() - waitedFrom).toBeGreaterThan(1_900);
    released.give();
    await slow;
    expect((await run('slow')).kind).toBe('replay');
  });

  test('that was begun must be finished: without an answer nothing commits', async () => {
    const ctx = context();
    await expect(
      ctx.db.transaction((tx) => beginIdempotentRequest(tx, ctx, request('unfinished'))),
    ).rejects.toMatchObject({ code: 'BW006' });
    expect((await run('unfinished')).kind).toBe('fresh');
  });

  test('of one subgraph tells another nothing, not even with the same content', async () => {
    await run('mine');
    const ctx = context(registry);
    await expect(ctx.db.transaction((tx) => beginIdempotentRequest(tx, ctx, request('mine')))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});

describe('the audit', () => {
  const look = () => database.as('owner', 1);
  const entry = { action: 'payment.confirm', entity: 'invoice', entityId: 'inv_x', result: 'OK' } as const;

  test('says who, for whom, what, to what, how it ended, under which login', async () => {
    const ctx = context();
    const id = await ctx.db.transaction((tx) => recordAudit(tx, ctx, { ...entry, errorMessage: 'x'.repeat(900) }));
    const [row] = await look()`select * from audit.entries where id = ${id}`;
    expect(row).toMatchObject({
      integration_id: INTEGRATION,
      action: 'payment.confirm',
      entity: 'invoice',
      entity_id: 'inv_x',
      result: 'OK',
      request_id: ctx.requestId,
      written_by: 'bridgework_billing',
    });
    expect(row?.actor).toMatch(/^token tok_/);
    expect(row?.error_message).toHaveLength(500);
  });

  test('takes a transaction and nothing else', () => {
    const neverCalled = (ctx: Context) =>
      // @ts-expect-error a pool is not a transaction: an entry must stand or fall with its effect
      recordAudit(ctx.db, ctx, entry);
    expect(neverCalled).toBeTypeOf('function');
  });

  test('is sealed in order, and every edit, deletion, swap and cut is located', async () => {
    const owner = look();
    const ctx = context();
    for (let count = 0; count < 5; count += 1) await ctx.db.transaction((tx) => recordAudit(tx, ctx, entry));
    const workers = database.as('bridgework_workers', 1);
    await workers`select audit.seal(3)`;
    await workers`select audit.seal()`;
    const verify = (args = '') => owner.unsafe(`select fault, seal_position::integer as at from audit.verify(${args})`);
    expect([...(await verify())]).toEqual([]);
    const [head] = await workers<{ seal_position: string; hash: Buffer }[]>`select * from audit.head()`;
    const kept = `${head?.seal_position}, '\\x${head?.hash.toString('hex')}'`;
    const tampered = async (statement: string, args?: string) =>
      owner
        .begin(async (tx) => {
          await tx`set local session_replication_role = 'replica'`;
          await tx.unsafe(statement);
          throw await tx.unsafe(`select fault, seal_position::integer as at from audit.verify(${args ?? ''})`);
        })
        .catch((found: unknown) => {
          if (found instanceof Error) throw found;
          return [...(found as readonly { fault: string; at: number }[])];
        });
    const entryAt = (position: number) => `(select entry_key from audit.seals where position = ${position})`;
    expect(await tampered(`update audit.entries set actor = 'nobody' where key = ${entryAt(2)}`)).toEqual([
      { fault: 'entry or seal edited', at: 2 },
    ]);
    expect(await tampered(`delete from audit.entries where key = ${entryAt(3)}`)).toEqual([
      { fault: 'entry deleted', at: 3 },
    ]);
    expect(await tampered('delete from audit.seals where position = 2')).toEqual(
      expect.arrayContaining([expect.objectContaining({ fault: 'seal missing', at: 2 })]),
    );
    expect(
      await tampered(`update audit.seals s set entry_key = -o.entry_key from audit.seals o
          where (s.position, o.position) in ((2, 3), (3, 2));
        update audit.seals set entry_key = -entry_key where entry_key < 0`),
    ).toEqual(expect.arrayContaining([expect.objectContaining({ fault: 'entry or seal edited', at: 2 })]));
    const last = Number(head?.seal_position);
    const cut = `delete from audit.entries where key = ${entryAt(last)}; delete from audit.seals where position = ${last}`;
    expect(await tampered(cut)).toEqual([]);
    expect(await tampered(cut, kept)).toEqual([{ fault: 'tail cut off or rewritten', at: last }]);
  });
});
