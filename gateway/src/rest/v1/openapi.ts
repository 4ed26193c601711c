import { readContract } from '@bridgework/kernel/contract-files';
import { z } from 'zod';
import { defineLocalRoute } from '../define-route.ts';
import { type Major, prefixOf } from '../versions.ts';

/** Served as it is committed: the file that was reviewed is the file that partners read. */
const openApiOf = (major: Major) => {
  let committed: unknown;
  return defineLocalRoute({
    path: `${prefixOf(major)}/openapi.json`,
    tag: 'About',
    summary: 'This reference as OpenAPI 3.1.',
    params: z.strictObject({}),
    answers: { 200: z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApiDocument' }) },
    toV1: () => (committed ??= JSON.parse(readContract(`rest/${major}.openapi.json`))),
  });
};

export const getOpenApiV1 = openApiOf('v1');
export const getOpenApiV2 = openApiOf('v2');
