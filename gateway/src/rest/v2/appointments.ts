import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { EVER, type WalkedConnection, walkFrom, walkPageOf } from '../paging.ts';
import { givenInstant, idOf, instant } from '../values.ts';

/**
 * Appointments as v2 shows them. Breaking, hence beside v1 and not in it: what an appointment points to is an object
 * with an id (v1: `patient_id`), its time is one `slot` (v1: `starts_at`, `ends_at`), words are lower-case, and the
 * filters are named after the slot. The operation behind it is as v1's: no rule exists twice.
 */
const STATUSES = ['scheduled', 'confirmed', 'in_progress', 'completed', 'cancelled', 'no_show'] as const;

const AppointmentV2 = z
  .strictObject({
    id: idOf('apt'),
    status: z.enum(STATUSES),
    slot: z.strictObject({
      starts_at: instant,
      ends_at: instant,
      minutes: z.int().meta({ description: 'From start to end.' }),
    }),
    patient: z.strictObject({ id: idOf('pat') }).meta({ description: 'The patient only as an id.' }),
    provider: z.strictObject({ id: idOf('prv'), name: z.string() }),
    chair: z.strictObject({ id: idOf('chr'), name: z.string() }).nullable(),
    source: z.enum(['clinic', 'import']),
    sequence: z.int().meta({ description: 'Counts the changes of this appointment from 1; orders its events.' }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Appointment' });

interface Named {
  readonly id: string;
  readonly name: string;
}

interface AppointmentNode {
  readonly id: string;
  readonly status: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly patient: { readonly id: string };
  readonly provider: Named;
  readonly chair: Named | null;
  readonly source: string;
  readonly sequence: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const toAppointmentV2 = (node: AppointmentNode) => ({
  id: node.id,
  status: node.status.toLowerCase(),
  slot: {
    starts_at: node.startsAt,
    ends_at: node.endsAt,
    minutes: Math.round((Date.parse(node.endsAt) - Date.parse(node.startsAt)) / 60_000),
  },
  patient: { id: node.patient.id },
  provider: { id: node.provider.id, name: node.provider.name },
  chair: node.chair && { id: node.chair.id, name: node.chair.name },
  source: node.source.toLowerCase(),
  sequence: node.sequence,
  created_at: node.createdAt,
  updated_at: node.updatedAt,
});

export const listAppointmentsV2 = defineRoute({
  method: 'GET',
  path: '/api/v2/appointments',
  tag: 'Appointments',
  operation: 'AppointmentsV2',
  summary: 'List appointments, ordered by when they last changed.',
  personalData: true,
  sort: 'updated_at,id',
  query: z.strictObject({
    slot_from: givenInstant.optional().meta({ description: 'Starts at this instant or later.' }),
    slot_until: givenInstant.optional().meta({ description: 'Starts before this instant.' }),
    updated_since: givenInstant.optional().meta({ description: 'Changed at this instant or later.' }),
    status: z.enum(STATUSES).optional(),
    provider_id: idOf('prv').optional(),
  }),
  answers: { 200: walkPageOf(AppointmentV2, 'AppointmentPage') },
  variables: ({ query, page }) => ({
    filter: {
      startsFrom: query.slot_from ?? null,
      startsTo: query.slot_until ?? null,
      updatedSince: query.updated_since ?? EVER,
      status: query.status?.toUpperCase() ?? null,
      providerId: query.provider_id ?? null,
    },
    ...page,
  }),
  toV1: (data: { readonly appointments: WalkedConnection<AppointmentNode> }) =>
    walkFrom(data.appointments, toAppointmentV2),
});

export const getAppointmentV2 = defineRoute({
  method: 'GET',
  path: '/api/v2/appointments/{id}',
  tag: 'Appointments',
  operation: 'AppointmentV2',
  summary: 'Read one appointment.',
  personalData: true,
  params: z.strictObject({ id: idOf('apt') }),
  answers: { 200: AppointmentV2 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly appointment: AppointmentNode | null }) => toAppointmentV2(found(data.appointment)),
});
