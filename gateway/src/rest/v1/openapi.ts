import { readContract } from '@bridgework/kernel/contract-files';
import { z } from 'zod';
import { defineLocalRoute } from '../define-route.ts';

/** Served as it is committed: the file that was reviewed is the file that partners read. */
export const getOpenApiV1 = defineLocalRoute({
  path: '/api/v1/openapi.json',
  tag: 'About',
  summary: 'This reference as OpenAPI 3.1.',
  params: z.strictObject({}),
  answers: { 200: z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApiDocument' }) },
  toV1: () => (committed ??= JSON.parse(readContract('rest/v1.openapi.json'))),
});

let committed: unknown;
