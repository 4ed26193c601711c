import { ERRORS, type ErrorCode, isErrorCode, slugOf } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { defineLocalRoute, found } from '../define-route.ts';
import { PROBLEM_GUIDES } from '../problem-guide.ts';
import { API_VERSION } from '../versions.ts';

export const VersionsV1 = z
  .strictObject({
    versions: z.array(
      z.strictObject({
        major: z.string().meta({ examples: ['v1'] }),
        version: z.string().meta({ examples: ['1.0.0'] }),
        status: z.enum(['CURRENT', 'DEPRECATED', 'RETIRED']),
        path: z.string(),
        openapi: z.string(),
        sunset_on: z.iso.date().nullable(),
      }),
    ),
  })
  .meta({ id: 'Versions' });

export const ProblemPageV1 = z
  .strictObject({
    slug: z.string(),
    code: z.string().meta({ description: 'The same problem in `extensions.code` of GraphQL.' }),
    title: z.string(),
    status: z.int(),
    meaning: z.string(),
    remedy: z.string(),
  })
  .meta({ id: 'ProblemType' });

export const getVersionsV1 = defineLocalRoute({
  path: '/api/v1/versions',
  tag: 'About',
  summary: 'Versions of this API, for machines.',
  params: z.strictObject({}),
  answers: { 200: VersionsV1 },
  toV1: () => ({
    versions: [
      {
        major: 'v1',
        version: API_VERSION,
        status: 'CURRENT',
        path: '/api/v1',
        openapi: '/api/v1/openapi.json',
        sunset_on: null,
      },
    ],
  }),
});

export const getProblemTypeV1 = defineLocalRoute({
  path: '/api/v1/problems/{slug}',
  tag: 'About',
  summary: 'What a problem type means, and what to do about it.',
  params: z.strictObject({ slug: z.string() }),
  answers: { 200: ProblemPageV1 },
  refusals: ['NOT_FOUND'],
  toV1: ({ slug }) => {
    const code = found(codeOf(slug));
    return { slug, code, title: ERRORS[code].title, status: ERRORS[code].status, ...PROBLEM_GUIDES[code] };
  },
});

function codeOf(slug: string): ErrorCode | undefined {
  const code = slug.toUpperCase().replaceAll('-', '_');
  return isErrorCode(code) && slugOf(code) === slug ? code : undefined;
}
