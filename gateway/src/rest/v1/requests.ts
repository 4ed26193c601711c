import { isErrorCode, slugOf } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { defineRoute } from '../define-route.ts';
import { type Connection, pageFrom, pageOf } from '../paging.ts';
import { idOf, instant } from '../values.ts';

export const RequestV1 = z
  .strictObject({
    id: idOf('req').meta({ description: 'The Request-Id of its answer.' }),
    token_id: idOf('tok'),
    method: z.string().meta({ examples: ['GET'] }),
    route: z.string().meta({
      description: 'As this reference writes it, without the ids that were asked for.',
      examples: ['/api/v1/appointments/{id}'],
    }),
    status: z.int(),
    problem: z
      .string()
      .nullable()
      .meta({ description: 'Slug of the problem it was answered with; open.', examples: ['not-found'] }),
    received_at: instant,
    duration_ms: z.int(),
  })
  .meta({ id: 'Request' });

interface RequestNode {
  readonly id: string;
  readonly tokenId: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly problem: string | null;
  readonly receivedAt: string;
  readonly durationMs: number;
}

const toRequestV1 = (node: RequestNode) => ({
  id: node.id,
  token_id: node.tokenId,
  method: node.method,
  route: node.route,
  status: node.status,
  problem: node.problem !== null && isErrorCode(node.problem) ? slugOf(node.problem) : node.problem,
  received_at: node.receivedAt,
  duration_ms: node.durationMs,
});

export const listRequestsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/requests',
  tag: 'Access',
  operation: 'RequestsV1',
  summary: 'List what the integration has asked of this API in the last seven days, newest first.',
  description:
    'To find out by a Request-Id what became of a request. A request appears a moment after it was answered, once its token was recognised; ' +
    'what was in it is not kept. A flood of requests may be listed in part.',
  personalData: false,
  sort: '-received_at,-id',
  query: z.strictObject({
    since: instant.optional().meta({ description: 'Received at this instant or later.' }),
    request_id: idOf('req').optional(),
    token_id: idOf('tok').optional(),
  }),
  answers: { 200: pageOf(RequestV1, 'RequestPage') },
  refusals: ['FORBIDDEN'],
  variables: ({ query, page }) => ({
    filter: { since: query.since ?? null, id: query.request_id ?? null, tokenId: query.token_id ?? null },
    ...page,
  }),
  toV1: (data: { readonly ownRequests: Connection<RequestNode> }) => pageFrom(data.ownRequests, toRequestV1),
});
