import { ENVIRONMENTS, SCOPE_NAMES } from '@bridgework/schema';
import { z } from 'zod';
import { DEFAULT_MAX_BODY_BYTES, defineRoute } from '../define-route.ts';
import { DEFAULT_LIMIT, MAX_LIMIT } from '../paging.ts';
import { day, idOf, instant } from '../values.ts';

export const MeV1 = z
  .strictObject({
    kind: z.enum(['INTEGRATION', 'USER']).meta({ description: "A partner's token, or a person of the clinic." }),
    name: z.string().meta({ description: 'Name of the token, or of the person.' }),
    token_id: idOf('tok').nullable(),
    expires_at: instant.nullable().meta({ description: 'When the token expires; null when it does not.' }),
    integration: z
      .strictObject({
        id: idOf('int'),
        name: z.string(),
        environment: z.enum(ENVIRONMENTS),
        review_due_on: day.nullable(),
      })
      .nullable()
      .meta({ description: 'Null for a person of the clinic.' }),
    scopes: z.array(z.enum(SCOPE_NAMES)),
    limits: z.strictObject({
      requests_per_minute: z.int().meta({ description: 'Of this token; RateLimit tells what is left of it.' }),
      requests_per_minute_of_integration: z.int().meta({ description: 'Of all tokens of the integration together.' }),
      body_bytes: z.int(),
      page_default: z.int(),
      page_max: z.int(),
    }),
  })
  .meta({ id: 'Me' });

interface MeData {
  readonly me: {
    readonly kind: string;
    readonly name: string;
    readonly tokenId: string | null;
    readonly expiresAt: string | null;
    readonly reviewDueOn: string | null;
    readonly scopes: readonly string[];
    readonly integration: { readonly id: string; readonly name: string; readonly environment: string } | null;
  };
}

export const getMeV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/me',
  tag: 'Access',
  operation: 'MeV1',
  summary: 'Who this token is, and what it may do.',
  personalData: false,
  answers: { 200: MeV1 },
  variables: () => ({}),
  toV1: ({ me }: MeData, _input, facts) => ({
    kind: me.kind,
    name: me.name,
    token_id: me.tokenId,
    expires_at: me.expiresAt,
    integration: me.integration && {
      id: me.integration.id,
      name: me.integration.name,
      environment: me.integration.environment.toLowerCase(),
      review_due_on: me.reviewDueOn,
    },
    scopes: me.scopes,
    limits: {
      requests_per_minute: facts.limits.requestsPerToken,
      requests_per_minute_of_integration: facts.limits.requestsPerIntegration,
      body_bytes: DEFAULT_MAX_BODY_BYTES,
      page_default: DEFAULT_LIMIT,
      page_max: MAX_LIMIT,
    },
  }),
});
