import { randomUUID } from 'node:crypto';
import type { Integration, IssuedToken, Registration } from '@bridgework/integration';
import type { Caller, Context } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import { EVENT_TYPES, type EventType, type Scope } from '@bridgework/schema';
import { answerConfirmation } from '../../../subgraphs/billing/src/payments/answer-confirmation.ts';
import type { Random } from '../../support/random.ts';
import { mariam, omar, type Registry, registration } from '../../support/registry.ts';

/** An operation that was carried out or refused, by the id of its request. */
export interface Done {
  readonly requestId: string;
  readonly action: string;
}

export interface World {
  readonly registry: Registry;
  readonly invoices: readonly string[];
  contextOf(caller: Caller): Context;
}

const SCOPES: readonly Scope[] = ['read:appointments', 'webhook:receive'];

interface Asked {
  readonly field: string;
  readonly action: string;
  readonly args: object;
  readonly caller: Caller;
}

/** What one lane knows of what it has made; lanes do not meet, except on invoices. */
export interface Lane {
  /** One operation, chosen by chance, in whatever state things are: refusals are operations too. */
  next(random: Random): Promise<Done>;
}

export function openLane({ registry, invoices, contextOf }: World): Lane {
  const integrations: string[] = [];
  const tokens: string[] = [];
  const sets: string[] = [];
  const confirmations: { readonly input: object; readonly key: string; readonly caller: Caller }[] = [];
  const terminals = [terminal(), terminal()];

  /** The answer, or null when it was refused; either way an operation. */
  async function ask<Answer>({ field, action, args, caller }: Asked): Promise<Done & { answer: Answer | null }> {
    const ctx = registry.contextOf(caller);
    const resolve = registry.resolver('Mutation', field);
    const answer = await Promise.resolve(resolve(undefined as never, args as never, ctx, {} as never)).catch(
      onlyRefused,
    );
    return { requestId: ctx.requestId, action, answer: answer as Answer | null };
  }

  async function govern(random: Random): Promise<Done> {
    const caller = random.pick([mariam, omar]);
    const id = random.chance(0.95) && integrations.length > 0 ? random.pick(integrations) : newId('int');
    const [verb, args] = random.pick([
      ['submit', { id }],
      ['approve', { id }],
      ['approve', { id }],
      ['reject', { id, reason: 'Not now.' }],
      ['pause', { id, reason: 'Odd.' }],
      ['resume', { id }],
    ] as const);
    return ask({ field: `${verb}Integration`, action: `integration.${verb}`, args, caller });
  }

  async function register(): Promise<Done> {
    const args = registration(`Partner ${randomUUID()}`, SCOPES);
    const made = await ask<Integration>({
      field: 'registerIntegration',
      action: 'integration.register',
      args,
      caller: mariam,
    });
    if (made.answer !== null) integrations.push(made.answer.id);
    return made;
  }

  async function issueToken(random: Random): Promise<Done> {
    const integrationId = integrations.length > 0 ? random.pick(integrations) : newId('int');
    const args = { input: { integrationId, name: 'Front desk', scopes: [SCOPES[0]] }, idempotencyKey: randomUUID() };
    const made = await ask<IssuedToken>({ field: 'issueToken', action: 'token.issue', args, caller: mariam });
    if (made.answer !== null) tokens.push(made.answer.token.id);
    return made;
  }

  const revokeToken = (random: Random) => {
    const id = tokens.length > 0 ? random.pick(tokens) : newId('tok');
    return ask({ field: 'revokeToken', action: 'token.revoke', args: { id, reason: 'Lost.' }, caller: omar });
  };

  async function registerSet(random: Random): Promise<Done> {
    const integrationId = integrations.length > 0 ? random.pick(integrations) : newId('int');
    const manifest = `query Q${randomUUID().replaceAll('-', '')} { me { name } }`;
    const args = { integrationId, name: 'Release', manifest, dryRun: false, idempotencyKey: randomUUID() };
    const made = await ask<Registration>({
      field: 'registerDocumentSet',
      action: 'document_set.register',
      args,
      caller: mariam,
    });
    if (made.answer?.documentSet) sets.push(made.answer.documentSet.id);
    return made;
  }

  const decideSet = (random: Random) => {
    const id = sets.length > 0 ? random.pick(sets) : newId('set');
    const verb = random.pick(['approve', 'activate'] as const);
    return ask({ field: `${verb}DocumentSet`, action: `document_set.${verb}`, args: { id }, caller: omar });
  };

  const createEndpoint = (random: Random) => {
    const integrationId = integrations.length > 0 ? random.pick(integrations) : newId('int');
    const eventTypes: EventType[] = ['appointment.created'];
    const args = { input: { integrationId, name: 'Pull', eventTypes }, idempotencyKey: randomUUID() };
    return ask({ field: 'createWebhookEndpoint', action: 'webhook_endpoint.create', args, caller: mariam });
  };

  const simulate = (random: Random) => {
    const args = { type: random.pick(EVENT_TYPES), idempotencyKey: randomUUID() };
    return ask({ field: 'simulateCoreEvent', action: 'event.simulate', args, caller: random.pick([mariam, omar]) });
  };

  async function confirm(random: Random): Promise<Done> {
    const known = confirmations.length > 0 && random.chance(0.2) ? random.pick(confirmations) : null;
    const one = known ?? { input: captureOf(random, invoices), key: randomUUID(), caller: random.pick(terminals) };
    if (known === null) confirmations.push(one);
    const ctx = contextOf(one.caller);
    await answerConfirmation(ctx, one.input, one.key).catch(onlyRefused);
    return { requestId: ctx.requestId, action: 'payment.confirm' };
  }

  return {
    next(random) {
      const turn = random.int(1, 100);
      if (turn <= 45) return confirm(random);
      if (turn <= 55) return register();
      if (turn <= 76) return govern(random);
      if (turn <= 84) return issueToken(random);
      if (turn <= 88) return revokeToken(random);
      if (turn <= 91) return registerSet(random);
      if (turn <= 94) return decideSet(random);
      return turn <= 97 ? createEndpoint(random) : simulate(random);
    },
  };
}

const terminal = (): Caller => ({
  kind: 'integration',
  integrationId: newId('int'),
  tokenId: newId('tok'),
  scopes: ['write:payments'],
  environment: 'sandbox',
});

/** Mostly right; sometimes too much, of another currency, unknown, malformed, or with a card number in it. */
const captureOf = (random: Random, invoices: readonly string[]) => ({
  invoiceId: random.chance(0.05) ? newId('inv') : random.pick(invoices),
  amountMinor: random.chance(0.03) ? 0 : random.int(1, 2_500),
  currency: random.chance(0.05) ? 'USD' : 'SAR',
  terminalId: random.chance(0.03) ? '4111111111111111' : 'T1',
  terminalTxnId: randomUUID(),
  capturedAt: new Date(Date.now() - 60_000),
});

/** A refusal is an answer; anything else fails the run. */
function onlyRefused(error: unknown): null {
  const { name, code } = error as { name?: string; code?: string };
  if (name !== 'DomainError' || code === 'INTERNAL' || code === 'TEMPORARILY_UNAVAILABLE') throw error;
  return null;
}
