import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { EVER, type WalkedConnection, walkFrom, walkPageOf } from '../paging.ts';
import { givenInstant, idOf, instant } from '../values.ts';

const AppointmentStatusV1 = z.enum(['SCHEDULED', 'CONFIRMED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW']);

export const AppointmentV1 = z
  .strictObject({
    id: idOf('apt'),
    status: AppointmentStatusV1,
    starts_at: instant,
    ends_at: instant,
    patient_id: idOf('pat').meta({ description: 'The patient only as an id.' }),
    provider_id: idOf('prv'),
    chair_id: idOf('chr').nullable(),
    source: z.enum(['CLINIC', 'IMPORT']),
    sequence: z.int().meta({ description: 'Counts the changes of this appointment from 1; orders its events.' }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Appointment' });

interface AppointmentNode {
  readonly id: string;
  readonly status: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly patient: { readonly id: string };
  readonly provider: { readonly id: string };
  readonly chair: { readonly id: string } | null;
  readonly source: string;
  readonly sequence: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const toAppointmentV1 = (node: AppointmentNode) => ({
  id: node.id,
  status: node.status,
  starts_at: node.startsAt,
  ends_at: node.endsAt,
  patient_id: node.patient.id,
  provider_id: node.provider.id,
  chair_id: node.chair?.id ?? null,
  source: node.source,
  sequence: node.sequence,
  created_at: node.createdAt,
  updated_at: node.updatedAt,
});

export const listAppointmentsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/appointments',
  tag: 'Appointments',
  operation: 'AppointmentsV1',
  summary: 'List appointments, ordered by when they last changed.',
  personalData: true,
  sort: 'updated_at,id',
  query: z.strictObject({
    starts_from: givenInstant.optional().meta({ description: 'Starts at this instant or later.' }),
    starts_to: givenInstant.optional().meta({ description: 'Starts before this instant.' }),
    updated_since: givenInstant.optional().meta({ description: 'Changed at this instant or later.' }),
    status: AppointmentStatusV1.optional(),
    provider_id: idOf('prv').optional(),
  }),
  answers: { 200: walkPageOf(AppointmentV1, 'AppointmentPage') },
  variables: ({ query, page }) => ({
    filter: {
      startsFrom: query.starts_from ?? null,
      startsTo: query.starts_to ?? null,
      updatedSince: query.updated_since ?? EVER,
      status: query.status ?? null,
      providerId: query.provider_id ?? null,
    },
    ...page,
  }),
  toV1: (data: { readonly appointments: WalkedConnection<AppointmentNode> }) =>
    walkFrom(data.appointments, toAppointmentV1),
});

export const getAppointmentV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/appointments/{id}',
  tag: 'Appointments',
  operation: 'AppointmentV1',
  summary: 'Read one appointment.',
  personalData: true,
  params: z.strictObject({ id: idOf('apt') }),
  answers: { 200: AppointmentV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly appointment: AppointmentNode | null }) => toAppointmentV1(found(data.appointment)),
});
