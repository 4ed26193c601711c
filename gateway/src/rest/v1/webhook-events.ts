import { EVENT_TYPES } from '@bridgework/schema';
import { z } from 'zod';
import { defineRoute } from '../define-route.ts';
import { type Connection, DEFAULT_LIMIT, PAGE_PARAMETERS } from '../paging.ts';
import { idOf, instant } from '../values.ts';

const FeedEntryV1 = z
  .strictObject({
    seq: z.int().meta({ description: 'Counts the events of this endpoint from 1 without a gap.' }),
    event_id: idOf('evt'),
    event_type: z.enum(EVENT_TYPES),
    occurred_at: instant,
    payload: z.string().meta({
      description: 'The body as it is pushed, to the byte, signed with the secrets that are live now.',
    }),
  })
  .meta({ id: 'FeedEntry' });

export const EventFeedV1 = z
  .strictObject({
    data: z.array(FeedEntryV1),
    has_more: z.boolean(),
    next_after: z.int().meta({ description: 'Give it as `after` to read on.' }),
  })
  .meta({ id: 'EventFeed' });

const after = z
  .string()
  .transform((text) => (/^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN))
  .pipe(z.int('Give an integer.').min(0))
  .optional()
  .meta({ description: '`seq` of the last event you have; 0, the beginning, unless told.' });

interface EventNode {
  readonly seq: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly occurredAt: string;
  readonly payload: string;
}

export const readWebhookEventsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/webhook-endpoints/{id}/events',
  tag: 'Webhooks',
  operation: 'WebhookEventsV1',
  summary: 'Read the events of an own endpoint in order, pushed or not.',
  description:
    'For when webhooks fail, and for endpoints without a URL. Thirty days and more are kept. An event whose read scope the token ' +
    'lacks is left out: `seq` then skips its number.',
  personalData: true,
  params: z.strictObject({ id: idOf('whe') }),
  query: z.strictObject({ after, limit: PAGE_PARAMETERS.limit }),
  answers: { 200: EventFeedV1 },
  variables: ({ params, query }) => ({
    endpointId: params.id,
    first: query.limit ?? DEFAULT_LIMIT,
    after: String(query.after ?? 0),
  }),
  toV1: ({ webhookEvents: { edges, pageInfo } }: { readonly webhookEvents: Connection<EventNode> }, { query }) => {
    const nodes = edges.map(({ node }) => node);
    return {
      data: nodes.map((node) => ({
        seq: node.seq,
        event_id: node.eventId,
        event_type: node.eventType,
        occurred_at: node.occurredAt,
        payload: node.payload,
      })),
      has_more: pageInfo.hasNextPage,
      next_after: nodes.at(-1)?.seq ?? query.after ?? 0,
    };
  },
});
