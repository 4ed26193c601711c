import { EVENT_TYPES, EVENTS, type EventType, isEventType, projectEvent, SCOPES } from '@bridgework/schema';
import { expect, test } from 'vitest';

const invoice = {
  id: 'inv_1',
  patient_id: 'pat_1',
  currency: 'SAR',
  due_on: null,
  total_minor: 10_000,
  internal_note: 'never leaves',
};

test('publishes only the fields that the contract names', () => {
  expect(projectEvent('invoice.created', invoice, { financials: true })).toEqual({
    id: 'inv_1',
    patient_id: 'pat_1',
    currency: 'SAR',
    due_on: null,
    total_minor: 10_000,
  });
});

test('publishes no amount without the financial approval', () => {
  const stored: Partial<Record<EventType, Record<string, unknown>>> = {
    'invoice.created': invoice,
    'payment.received': {
      id: 'pay_1',
      invoice_id: 'inv_1',
      amount_minor: 5,
      currency: 'SAR',
      method: 'TERMINAL',
      business_date: '2026-03-01',
      late_posted: false,
    },
    'installment.overdue': {
      id: 'ins_1',
      invoice_id: 'inv_1',
      number: 1,
      currency: 'SAR',
      due_on: '2026-03-01',
      remaining_minor: 5,
      days_overdue: 2,
    },
  };
  for (const [type, data] of Object.entries(stored)) {
    if (!isEventType(type)) throw new Error(type);
    const published = projectEvent(type, data, { financials: false });
    expect(Object.keys(published).filter((name) => name.endsWith('_minor'))).toEqual([]);
    expect(EVENTS[type].published.safeParse(published).success).toBe(true);
    expect(Object.keys(projectEvent(type, data, { financials: true }))).toEqual(
      expect.arrayContaining([...EVENTS[type].amounts]),
    );
  }
});

test('gives instants in one form, whatever offset PostgreSQL wrote', () => {
  const stored = { id: 'apt_1', completed_at: '2026-03-01T11:30:00.25+03:00' };
  expect(projectEvent('appointment.completed', stored, { financials: false })).toEqual({
    id: 'apt_1',
    completed_at: '2026-03-01T08:30:00.250Z',
  });
});

test('refuses stored data that breaks the contract', () => {
  expect(() => projectEvent('payment.received', { id: 'pay_1' }, { financials: true })).toThrow();
});

test('asks for an existing read scope for every event, and names every field that carries an amount', () => {
  for (const type of EVENT_TYPES) {
    const { readScope, stored, amounts } = EVENTS[type];
    expect(SCOPES[readScope].writes).toBe(false);
    expect(Object.keys(stored.shape).filter((name) => name.endsWith('_minor'))).toEqual([...amounts]);
    expect(Object.keys(stored.shape).filter((name) => /cost|name|phone|email/.test(name))).toEqual([]);
  }
});
