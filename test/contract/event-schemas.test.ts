import { readFileSync } from 'node:fs';
import { payloadOf, signPayload } from '@bridgework/integration';
import { newId } from '@bridgework/kernel/ids';
import { EVENT_SAMPLES, EVENT_TYPES, EVENTS, type EventType } from '@bridgework/schema';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { describeEvent, fileOf, findBreakingChanges, type JsonSchema } from '../../schema/scripts/event-schemas.ts';

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
/** As they were when receivers began to rely on them; this file is never regenerated. */
const frozen = read('frozen/event-schemas.json') as Record<EventType, JsonSchema>;

test.each(EVENT_TYPES)('the schema of %s breaks nobody who relies on the one it had', (type) => {
  expect(findBreakingChanges(frozen[type], describeEvent(type))).toEqual([]);
  expect(read(`../../schema/webhooks/${fileOf(type)}`)).toEqual(describeEvent(type));
});

test.each(EVENT_TYPES)('a body of %s validates against its published schema, with amounts and without', (type) => {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  const validate = ajv.compile(describeEvent(type));
  const { entityId, data } = EVENT_SAMPLES[type];
  for (const scopes of [['read:financials'], []]) {
    const event = {
      eventId: newId('evt'),
      eventType: type,
      entityType: EVENTS[type].entityType,
      entityId,
      occurredAt: new Date(),
      data,
      isTest: true,
    };
    const body = JSON.parse(
      signPayload(payloadOf(event, { scopes, environment: 'sandbox', mode: 'SNAPSHOT' }), ['whsec_AAAA']),
    );
    expect([validate(body), validate.errors]).toEqual([true, null]);
    expect(validate({ ...body, event_type: 'other' })).toBe(false);
  }
});

describe('a change that breaks receivers is found', () => {
  const before = frozen['invoice.created'];
  const data = (before.properties as Record<string, JsonSchema>).data as JsonSchema;
  const changed = (change: (data: Record<string, unknown>) => object) =>
    findBreakingChanges(before, {
      ...before,
      properties: { ...(before.properties as object), data: change({ ...data }) as JsonSchema },
    } as JsonSchema);
  const properties = data.properties as Record<string, JsonSchema>;

  test.each([
    ['a member that goes', () => changed((d) => ({ ...d, properties: { ...properties, currency: undefined } }))],
    [
      'a member of another type',
      () => changed((d) => ({ ...d, properties: { ...properties, currency: { type: 'integer' } } })),
    ],
    ['a member that is promised no longer', () => changed((d) => ({ ...d, required: ['id'] }))],
    [
      'a pattern that is loosened',
      () => changed((d) => ({ ...d, properties: { ...properties, currency: { type: 'string' } } })),
    ],
    ['an event of another name', () => findBreakingChanges(before, describeEvent('payment.received'))],
  ])('%s', (_, find) => {
    expect(find().length).toBeGreaterThan(0);
  });

  test('and one that does not is let through', () => {
    expect(
      changed((d) => ({ ...d, properties: { ...properties, note: { type: 'string' } }, description: 'More.' })),
    ).toEqual([]);
  });
});
