import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { EVER, type WalkedConnection, walkFrom, walkPageOf } from '../paging.ts';
import { givenInstant, idOf, instant } from '../values.ts';

const VisitStatusV1 = z.enum(['OPEN', 'COMPLETED']);

export const VisitV1 = z
  .strictObject({
    id: idOf('vis'),
    status: VisitStatusV1,
    patient_id: idOf('pat').meta({ description: 'The patient only as an id.' }),
    provider_id: idOf('prv'),
    started_at: instant,
    completed_at: instant.nullable(),
    procedures: z.array(
      z.strictObject({
        code: z.string(),
        name: z.string(),
        tooth: z.string().nullable().meta({ description: 'FDI notation.' }),
      }),
    ),
    updated_at: instant,
  })
  .meta({ id: 'Visit' });

interface VisitNode {
  readonly id: string;
  readonly status: string;
  readonly patient: { readonly id: string };
  readonly provider: { readonly id: string };
  readonly startedAt: string;
  readonly completedAt: string | null;
  readonly procedures: readonly { readonly code: string; readonly name: string; readonly tooth: string | null }[];
  readonly updatedAt: string;
}

const toVisitV1 = (node: VisitNode) => ({
  id: node.id,
  status: node.status,
  patient_id: node.patient.id,
  provider_id: node.provider.id,
  started_at: node.startedAt,
  completed_at: node.completedAt,
  procedures: node.procedures.map(({ code, name, tooth }) => ({ code, name, tooth })),
  updated_at: node.updatedAt,
});

export const listVisitsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/visits',
  tag: 'Visits',
  operation: 'VisitsV1',
  summary: 'List visit summaries, ordered by when they last changed; never clinical notes.',
  personalData: true,
  sort: 'updated_at,id',
  query: z.strictObject({
    started_from: givenInstant.optional().meta({ description: 'Began at this instant or later.' }),
    started_to: givenInstant.optional().meta({ description: 'Began before this instant.' }),
    updated_since: givenInstant.optional().meta({ description: 'Changed at this instant or later.' }),
    status: VisitStatusV1.optional(),
    provider_id: idOf('prv').optional(),
  }),
  answers: { 200: walkPageOf(VisitV1, 'VisitPage') },
  variables: ({ query, page }) => ({
    filter: {
      startedFrom: query.started_from ?? null,
      startedTo: query.started_to ?? null,
      updatedSince: query.updated_since ?? EVER,
      status: query.status ?? null,
      providerId: query.provider_id ?? null,
    },
    ...page,
  }),
  toV1: (data: { readonly visits: WalkedConnection<VisitNode> }) => walkFrom(data.visits, toVisitV1),
});

export const getVisitV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/visits/{id}',
  tag: 'Visits',
  operation: 'VisitV1',
  summary: 'Read one visit summary.',
  personalData: true,
  params: z.strictObject({ id: idOf('vis') }),
  answers: { 200: VisitV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly visit: VisitNode | null }) => toVisitV1(found(data.visit)),
});
