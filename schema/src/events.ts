import { z } from 'zod';
import type { Scope } from './scopes.ts';

/**
 * The events that leave the clinic: what each carries, and the scope an integration needs to be told of it.
 *
 * Two contracts per type. `stored` is what the trigger writes into `outbox.events.data`, the widest there is; `published`
 * is what a receiver may get: the same fields by name, amounts only with the financial approval. A column that is added
 * to a table reaches nobody until it is named here.
 *
 * Codes such as `status` and `method` are open: a receiver must expect values that it does not know.
 *
 * @see docs/rules.md#supported-events
 */
export const EVENT_API_VERSION = 'v1';

export const EVENT_TYPES = [
  'appointment.created',
  'appointment.updated',
  'appointment.completed',
  'visit.completed',
  'invoice.created',
  'payment.received',
  'installment.overdue',
  'inventory.low_stock',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const isEventType = (value: string): value is EventType => (EVENT_TYPES as readonly string[]).includes(value);

export const ENTITY_TYPES = ['appointment', 'visit', 'invoice', 'payment', 'installment', 'inventory_item'] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];

export interface EventDefinition {
  /** Raised by a breaking change of the payload, which then lives beside the old one. */
  readonly version: number;
  readonly entityType: EntityType;
  /** What an integration must be allowed to read to subscribe. */
  readonly readScope: Scope;
  /** Fields that need read:financials as well. */
  readonly amounts: readonly string[];
  readonly stored: z.ZodObject;
  readonly published: z.ZodObject;
}

/** PostgreSQL writes an instant into JSON with an offset and up to six digits; a receiver always gets this one form. */
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const day = z.iso.date();
const id = z.string().min(1);
const code = z.string().regex(/^[A-Z][A-Z_]*$/, 'is an upper-case code');
const currency = z.string().regex(/^[A-Z]{3}$/, 'is an ISO 4217 code');
const amount = z.int().nonnegative();
const count = z.int().nonnegative();

interface Definition {
  readonly entityType: EntityType;
  readonly readScope: Scope;
  readonly fields: z.ZodRawShape;
  readonly amounts?: z.ZodRawShape;
}

function define({ entityType, readScope, fields, amounts = {} }: Definition): EventDefinition {
  return {
    version: 1,
    entityType,
    readScope,
    amounts: Object.keys(amounts),
    stored: z.object({ ...fields, ...amounts }),
    published: z.strictObject({ ...fields, ...z.object(amounts).partial().shape }),
  };
}

const appointment = {
  id,
  patient_id: id,
  provider_id: id,
  starts_at: instant,
  ends_at: instant,
  status: code,
  source: code,
  sequence: z.int().positive(),
};

export const EVENTS: Readonly<Record<EventType, EventDefinition>> = {
  'appointment.created': define({
    entityType: 'appointment',
    readScope: 'read:appointments',
    fields: appointment,
  }),
  'appointment.updated': define({
    entityType: 'appointment',
    readScope: 'read:appointments',
    fields: { ...appointment, changed: z.array(z.string()).min(1) },
  }),
  'appointment.completed': define({
    entityType: 'appointment',
    readScope: 'read:appointments',
    fields: { id, completed_at: instant },
  }),
  'visit.completed': define({
    entityType: 'visit',
    readScope: 'read:visits',
    fields: { id, appointment_id: id, completed_at: instant, procedure_count: count },
  }),
  'invoice.created': define({
    entityType: 'invoice',
    readScope: 'read:invoices',
    fields: { id, patient_id: id, currency, due_on: day.nullable() },
    amounts: { total_minor: amount },
  }),
  'payment.received': define({
    entityType: 'payment',
    readScope: 'read:invoices',
    fields: { id, invoice_id: id, currency, method: code, business_date: day, late_posted: z.boolean() },
    amounts: { amount_minor: amount },
  }),
  'installment.overdue': define({
    entityType: 'installment',
    readScope: 'read:invoices',
    fields: { id, invoice_id: id, number: z.int().positive(), currency, due_on: day, days_overdue: z.int().positive() },
    amounts: { remaining_minor: amount },
  }),
  'inventory.low_stock': define({
    entityType: 'inventory_item',
    readScope: 'read:inventory',
    fields: { item_id: id, sku: z.string(), on_hand: z.int(), reorder_point: count },
  }),
};

/**
 * What a receiver gets of a stored event: the named fields alone, amounts only with `financials`.
 * Throws a ZodError when the stored data is not what the event's contract promises.
 */
export function projectEvent(
  type: EventType,
  storedData: unknown,
  { financials }: { readonly financials: boolean },
): Record<string, unknown> {
  const { stored, amounts } = EVENTS[type];
  const data = stored.parse(storedData);
  return Object.fromEntries(Object.entries(data).filter(([name]) => financials || !amounts.includes(name)));
}

/** Where the REST API shows an entity now; null for what it does not show by itself. */
const ENTITY_PATHS: Partial<Record<EntityType, string>> = {
  appointment: '/api/v1/appointments/',
  visit: '/api/v1/visits/',
};

/** What a receiver of thin events gets instead: what to ask for, and where. */
export function thinData(type: EventType, entityId: string): { readonly id: string; readonly href: string | null } {
  const path = ENTITY_PATHS[EVENTS[type].entityType];
  return { id: entityId, href: path === undefined ? null : `${path}${entityId}` };
}

/** The body of a delivery; every field is always there, and there is no other. */
export const EventPayload = z.strictObject({
  api_version: z.literal(EVENT_API_VERSION),
  data: z.record(z.string(), z.unknown()),
  entity_id: id,
  entity_type: z.enum(ENTITY_TYPES),
  event_id: z.string().regex(/^evt_[0-9a-z]{26}$/),
  event_type: z.enum(EVENT_TYPES),
  /** False in the sandbox. */
  livemode: z.boolean(),
  occurred_at: z.iso.datetime({ precision: 3 }),
  /** `v1,<base64 HMAC-SHA-256>` for each live secret, separated by spaces, over the rest of the body in RFC 8785 form. */
  signature: z.string(),
});
export type EventPayload = z.infer<typeof EventPayload>;
