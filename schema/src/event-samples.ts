import type { EventType } from './events.ts';

/** What an event of each type says when it is only sent to try an endpoint. None of the ids names anything. */
export interface EventSample {
  readonly entityId: string;
  /** As the event's widest contract stores it. */
  readonly data: Readonly<Record<string, unknown>>;
}

const id = (prefix: string): string => `${prefix}_${'0'.repeat(26)}`;

const appointment = {
  id: id('apt'),
  patient_id: id('pat'),
  provider_id: id('prv'),
  starts_at: '2026-03-01T09:00:00.000Z',
  ends_at: '2026-03-01T09:30:00.000Z',
  status: 'SCHEDULED',
  source: 'CLINIC',
  sequence: 1,
};

export const EVENT_SAMPLES: Readonly<Record<EventType, EventSample>> = {
  'appointment.created': { entityId: id('apt'), data: appointment },
  'appointment.updated': { entityId: id('apt'), data: { ...appointment, sequence: 2, changed: ['starts_at'] } },
  'appointment.completed': {
    entityId: id('apt'),
    data: { id: id('apt'), completed_at: '2026-03-01T09:28:00.000Z' },
  },
  'visit.completed': {
    entityId: id('vis'),
    data: {
      id: id('vis'),
      appointment_id: id('apt'),
      completed_at: '2026-03-01T09:28:00.000Z',
      procedure_count: 2,
    },
  },
  'invoice.created': {
    entityId: id('inv'),
    data: { id: id('inv'), patient_id: id('pat'), currency: 'SAR', total_minor: 45_000, due_on: '2026-03-31' },
  },
  'payment.received': {
    entityId: id('pay'),
    data: {
      id: id('pay'),
      invoice_id: id('inv'),
      amount_minor: 15_000,
      currency: 'SAR',
      method: 'CARD',
      business_date: '2026-03-01',
      late_posted: false,
    },
  },
  'installment.overdue': {
    entityId: id('ins'),
    data: {
      id: id('ins'),
      invoice_id: id('inv'),
      number: 2,
      currency: 'SAR',
      due_on: '2026-02-28',
      remaining_minor: 15_000,
      days_overdue: 1,
    },
  },
  'inventory.low_stock': {
    entityId: id('itm'),
    data: { item_id: id('itm'), sku: 'GLV-M', on_hand: 4, reorder_point: 5 },
  },
};
