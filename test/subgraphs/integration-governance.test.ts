import { randomUUID } from 'node:crypto';
import type { AuditEntry, Integration } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import { actorOf, type Caller, type UserCaller } from '@bridgework/kernel/context';
import type { DomainError } from '@bridgework/kernel/errors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manager, mariam, omar, partner, type Registry, registration, startRegistry } from '../support/registry.ts';
import { sampleMutations } from '../support/sample-mutations.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const register = (change: object = {}, name = `Partner ${randomUUID()}`): Promise<Integration> =>
  registry.mutate('registerIntegration', registration(name, ['read:appointments', 'write:payments'], change), mariam);
const submitted = async (): Promise<Integration> =>
  registry.mutate('submitIntegration', { id: (await register()).id }, mariam);
const statusOf = async (id: string): Promise<string | undefined> =>
  (await registry.query<Integration | null>('integration', { id }, omar))?.status;

async function audited(filter: object): Promise<readonly AuditEntry[]> {
  const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 100 }, omar);
  return page.edges.map(({ node }) => node);
}

describe('an integration', () => {
  test('works only after another manager than the one who asked has approved it', async () => {
    const { id } = await submitted();
    for (const same of [mariam, { ...mariam, name: 'Mariam again' }]) {
      await expect(registry.mutate('approveIntegration', { id }, same)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    expect(await statusOf(id)).toBe('SUBMITTED');
    const active = await registry.mutate<Integration>('approveIntegration', { id, note: 'Fine.' }, omar);
    expect(active).toMatchObject({
      status: 'ACTIVE',
      approvedScopes: ['read:appointments', 'write:payments'],
      reviewDueOn: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    });
  });

  test('is not approved by its registrant when somebody else submitted it', async () => {
    const { id } = await register();
    await registry.mutate('submitIntegration', { id }, omar);
    for (const involved of [mariam, omar]) {
      await expect(registry.mutate('approveIntegration', { id }, involved)).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    }
    expect(await registry.mutate('approveIntegration', { id }, manager('layla'))).toMatchObject({ status: 'ACTIVE' });
  });

  test('is not approved by the same subject of another issuer being taken for another person, nor mixed up with one', async () => {
    const { id } = await submitted();
    const elsewhere: UserCaller = { ...mariam, issuer: 'https://other.test' };
    expect(await registry.mutate('approveIntegration', { id }, elsewhere)).toMatchObject({ status: 'ACTIVE' });
  });

  test('is approved once when two managers approve it at the same moment', async () => {
    const { id } = await submitted();
    const deciders = [omar, manager('layla'), manager('huda')];
    const outcomes = await Promise.allSettled(
      deciders.map((decider) => registry.mutate<Integration>('approveIntegration', { id }, decider)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFLICT' });
    }
    expect((await audited({ entityId: id, action: 'integration.approve', result: 'OK' })).length).toBe(1);
  });

  test('cannot be approved and rejected', async () => {
    const { id } = await submitted();
    const outcomes = await Promise.allSettled([
      registry.mutate('approveIntegration', { id }, omar),
      registry.mutate('rejectIntegration', { id, reason: 'Not needed.' }, manager('layla')),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('cannot be submitted while one of its five governance fields is empty; each is named', async () => {
    const { id } = await register({ dataScope: undefined, internalOwner: undefined, reviewIntervalMonths: undefined });
    await expect(registry.mutate('submitIntegration', { id }, mariam)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: {
        errors: [{ pointer: '/dataScope' }, { pointer: '/internalOwner' }, { pointer: '/reviewIntervalMonths' }],
      },
    });
    const input = { dataScope: 'Today.', internalOwner: 'Mariam', reviewIntervalMonths: 3 };
    await registry.mutate('updateIntegration', { id, input }, mariam);
    expect(await registry.mutate('submitIntegration', { id }, mariam)).toMatchObject({ status: 'SUBMITTED' });
  });

  test('keeps what was approved: scopes and declarations do not change afterwards', async () => {
    const { id } = await registry.approved(['read:appointments']);
    for (const input of [{ requestedScopes: ['write:payments'] }, { declaredApis: ['REST'] }, { name: 'Other' }]) {
      await expect(registry.mutate('updateIntegration', { id, input }, mariam)).rejects.toMatchObject({
        code: 'CONFLICT',
      });
    }
    const input = { internalOwner: 'Omar' };
    expect(await registry.mutate('updateIntegration', { id, input }, mariam)).toMatchObject(input);
  });

  test('is asked for each sensitive scope by a request of its own, granted until the first review', async () => {
    const { id } = await registry.approved(['read:appointments', 'write:payments', 'read:financials']);
    const rows = await registry.sql`
      select a.kind, a.scope, a.status, a.justification <> '' as justified, a.expires_at is not null as expires
      from integration.approvals a join integration.integrations i on i.key = a.integration_key
      where i.id = ${id} order by a.key`;
    expect(rows).toMatchObject([
      { kind: 'INTEGRATION', scope: null, status: 'APPROVED', justified: true, expires: false },
      { kind: 'SCOPE', scope: 'write:payments', status: 'APPROVED', justified: true, expires: true },
      { kind: 'SCOPE', scope: 'read:financials', status: 'APPROVED', justified: true, expires: true },
    ]);
  });

  test('pauses and goes on, and nothing else', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const paused = await registry.mutate('pauseIntegration', { id, reason: 'Odd traffic.' }, mariam);
    expect(paused).toMatchObject({ status: 'PAUSED', statusReason: 'Odd traffic.' });
    await expect(registry.mutate('pauseIntegration', { id, reason: 'Again.' }, mariam)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const resumed = await registry.mutate('resumeIntegration', { id }, mariam);
    expect(resumed).toMatchObject({ status: 'ACTIVE', statusReason: null });
  });

  test('is created once per idempotency key, ten times at the same moment', async () => {
    const request = registration(`Partner ${randomUUID()}`, ['read:appointments']);
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => registry.mutate<Integration>('registerIntegration', request, mariam)),
    );
    const ids = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.id] : []));
    expect(new Set(ids).size).toBe(1);
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' });
    }
    const entries = await audited({ entityId: ids[0], action: 'integration.register' });
    expect(entries.filter(({ result }) => result === 'OK')).toHaveLength(1);
    const other = { ...request, input: { ...request.input, purpose: 'Something else.' } };
    await expect(registry.mutate('registerIntegration', other, mariam)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('has a name of its own, whoever asks at the same moment', async () => {
    const name = `Partner ${randomUUID()}`;
    const outcomes = await Promise.allSettled(
      [mariam, omar].map((who) => registry.mutate('registerIntegration', registration(name, []), who)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
  });

  test('is listed page by page, each once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => register()));
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const args: object = { first: 2, after };
      const page: Connection<Integration> = await registry.query('integrations', args, omar);
      seen.push(...page.edges.map(({ node }) => node.id));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    const [row] = await registry.sql`select count(*)::int as count from integration.integrations`;
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(row?.count);
  });
});

describe('the audit log', () => {
  test('holds every governance step with its seven fields, in the transaction of the step', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const entries = await audited({ entityId: id });
    expect(entries.map(({ action, result }) => `${action} ${result}`).reverse()).toEqual([
      'integration.register OK',
      'integration.submit OK',
      'integration.approve OK',
    ]);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        integrationId: id,
        entity: 'integration',
        entityId: id,
        timestamp: expect.any(Date),
        errorMessage: null,
      });
      expect(entry.actor).toMatch(/^user https:\/\/id\.clinic\.test#(mariam|omar)$/);
    }
  });

  test('holds refusals: of the own request as DENIED, of an impossible step as REJECTED', async () => {
    const { id } = await submitted();
    await expect(registry.mutate('approveIntegration', { id }, mariam)).rejects.toThrow();
    await expect(registry.mutate('resumeIntegration', { id }, mariam)).rejects.toThrow();
    const entries = await audited({ integrationId: id });
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'integration.approve',
        result: 'DENIED',
        errorMessage: expect.stringContaining('FORBIDDEN'),
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'integration.resume',
        result: 'REJECTED',
        errorMessage: expect.stringContaining('CONFLICT'),
      }),
    );
  });
});

describe('an input of the wrong shape', () => {
  const id = 'int_00000000000000000000000001';

  test('is refused with its place and audited under the step it was meant for', async () => {
    const calls = managersMutations().map((name) => ({
      name,
      args: { id, input: { integrationId: id, unheardOf: 1 }, idempotencyKey: '' },
    }));
    expect(calls.length).toBeGreaterThan(12);
    for (const { name, args } of calls) {
      const actor = manager(`shape-${name}`);
      await expect(registry.mutate(name, args, actor), name).rejects.toThrow();
      const forbidden: UserCaller = { ...manager(`forbidden-${name}`), role: 'RECEPTION' };
      await expect(registry.mutate(name, sampleOf(name), forbidden), name).rejects.toMatchObject({ code: 'FORBIDDEN' });
      const [shape, denied] = [await audited({ actor: actorOf(actor) }), await audited({ actor: actorOf(forbidden) })];
      expect([name, shape.length, denied.length]).toEqual([name, 1, 1]);
      expect(denied[0]).toMatchObject({ result: 'DENIED' });
      expect(shape[0]).toMatchObject({
        action: denied[0]?.action,
        entity: denied[0]?.entity,
        result: 'REJECTED',
        errorMessage: expect.stringMatching(/^[A-Z_]+: /),
      });
    }
  });

  test('names a NUL and half a character by their place, in every text of every mutation', async () => {
    let texts = 0;
    for (const name of managersMutations()) {
      for (const [pointer, args] of eachText(sampleOf(name))) {
        for (const [bad, code] of [
          ['a\u0000b', 'nul-character'],
          ['a\ud800b', 'half-character'],
        ] as const) {
          const refusal = await registry.mutate(name, args(bad), omar).catch((error: unknown) => error);
          const where = `${name} ${pointer}`;
          expect([where, refusal]).toMatchObject([where, { code: 'VALIDATION_FAILED' }]);
          // A scope or an event is no free text: its own rule has named the place.
          expect([where, refusal]).toMatchObject([where, { details: { errors: [{ pointer }] } }]);
          const [fault] = (refusal as DomainError).details.errors ?? [];
          if (fault?.code === code) texts += 1;
        }
      }
    }
    expect(texts).toBeGreaterThan(40);
  });

  test('in a question answers null or refuses it; a NUL is never an error of ours', async () => {
    expect(await registry.query('integration', { id: 'a\u0000' }, omar)).toBeNull();
    for (const [query, args] of [
      ['integrations', { first: 1, after: 'a\u0000' }],
      ['auditEntries', { first: 1, filter: { actor: 'a\u0000' } }],
      ['observedOperations', { first: 1, integrationId: 'a\u0000' }],
      ['persistedDocument', { integrationId: id, id: 'a\u0000' }],
    ] as const) {
      await expect(registry.query(query, args, omar), query).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    }
  });
});

const managersMutations = (): readonly string[] => {
  const reserved = new Set(sampleMutations('manager').map(({ name }) => name));
  return Object.keys(registry.mutations).filter((name) => reserved.has(name));
};

/** Arguments of the right shape, taken from the mutation's own declaration. */
function sampleOf(name: string): Record<string, unknown> {
  const sample = sampleMutations('manager').find((one) => one.name === name);
  if (sample === undefined) throw new Error(`${name} is not reserved to managers.`);
  return sample.args;
}

/** Every place where arguments hold a text, with what puts another text there. */
function* eachText(args: Record<string, unknown>): Generator<[string, (text: string) => Record<string, unknown>]> {
  function* walk(value: unknown, path: readonly string[]): Generator<readonly string[]> {
    if (typeof value === 'string') yield path;
    if (typeof value !== 'object' || value === null || value instanceof Date) return;
    for (const [name, part] of Object.entries(value)) yield* walk(part, [...path, name]);
  }
  for (const path of walk(args, [])) {
    yield [
      path.map((name) => `/${name}`).join(''),
      (text) => {
        const copy = structuredClone(args);
        let at: Record<string, unknown> = copy;
        for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
        at[path.at(-1) ?? ''] = text;
        return copy;
      },
    ];
  }
}

describe('nobody but a manager', () => {
  const receptionist: Caller = { ...mariam, role: 'RECEPTION' };
  const token = partner('int_00000000000000000000000001', 'tok_00000000000000000000000001', ['read:appointments']);

  test('can take a step of governance, even past the rules of the graph; the attempt is audited', async () => {
    const { id } = await submitted();
    for (const caller of [receptionist, token]) {
      for (const [mutation, args] of [
        ['registerIntegration', registration('Mine', [])],
        ['approveIntegration', { id }],
        ['pauseIntegration', { id, reason: 'x' }],
        ['issueToken', { input: { integrationId: id, name: 'x', scopes: ['read:appointments'] }, idempotencyKey: 'k' }],
        ['revokeToken', { id: 'tok_x' }],
        ['registerDocumentSet', { integrationId: id, name: 'x', manifest: '{}', idempotencyKey: 'k' }],
        ['simulateCoreEvent', { type: 'visit.completed', idempotencyKey: 'k' }],
      ] as const) {
        await expect(registry.mutate(mutation, args, caller)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      }
    }
    expect(await statusOf(id)).toBe('SUBMITTED');
    const denied = await audited({ result: 'DENIED', actor: 'token tok_00000000000000000000000001' });
    expect(new Set(denied.map(({ action }) => action)).size).toBe(7);
  });
});

describe('what another subgraph refers to', () => {
  const importedBy = (caller: Caller, id: string | null) => {
    const resolve = registry.resolver('Appointment', 'importedBy');
    return resolve({ id: 'apt_x', importedByIntegrationId: id } as never, {}, registry.contextOf(caller), {} as never);
  };

  test('shows a partner itself and nobody else; a manager sees whoever it was', async () => {
    const [own, other] = [
      await registry.approved(['read:appointments']),
      await registry.approved(['read:appointments']),
    ];
    const caller = partner(own.id, 'tok_00000000000000000000000001', ['read:appointments']);
    expect(await importedBy(caller, own.id)).toMatchObject({ id: own.id, name: own.name });
    expect(await importedBy(caller, other.id)).toBeNull();
    expect(await importedBy(caller, null)).toBeNull();
    expect(await importedBy(omar, other.id)).toMatchObject({ id: other.id });
    const resolve = registry.reference('Integration');
    expect(await resolve({ id: other.id } as never, registry.contextOf(caller))).toBeNull();
    expect(await resolve({ id: own.id } as never, registry.contextOf(caller))).toMatchObject({ id: own.id });
  });
});

test('the sandbox takes requests for core events; each is left for the simulator once', async () => {
  const args = { type: 'appointment.completed', idempotencyKey: randomUUID() };
  const first = await registry.mutate<{ id: string }>('simulateCoreEvent', args, omar);
  expect(first).toMatchObject({ type: 'appointment.completed', requestedAt: expect.any(Date) });
  expect(await registry.mutate('simulateCoreEvent', args, omar)).toEqual({ ...first, replayed: true });
  const rows = await registry.sql`
    select event_type, status, requested_by from integration.core_event_requests where id = ${first.id}`;
  expect(rows).toMatchObject([
    { event_type: 'appointment.completed', status: 'PENDING', requested_by: 'user https://id.clinic.test#omar' },
  ]);
});
