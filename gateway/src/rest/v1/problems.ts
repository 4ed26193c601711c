import { ERRORS, type ErrorCode, isErrorCode, slugOf } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { defineLocalRoute, found } from '../define-route.ts';
import { writeProblemPage } from '../docs/problem-page.ts';
import { PROBLEM_GUIDES } from '../problem-guide.ts';

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

export const getProblemTypeV1 = defineLocalRoute({
  path: '/api/v1/problems/{slug}',
  tag: 'About',
  summary: 'What a problem type means, and what to do about it.',
  description: "Where a problem's `type` points: JSON for programs, a page for browsers.",
  params: z.strictObject({ slug: z.string() }),
  answers: { 200: ProblemPageV1 },
  refusals: ['NOT_FOUND'],
  toV1: ({ slug }) => describe(found(codeOf(slug))),
  toPage: ({ slug }) => writeProblemPage(describe(found(codeOf(slug)))),
});

const describe = (code: ErrorCode) => ({
  slug: slugOf(code),
  code,
  title: ERRORS[code].title,
  status: ERRORS[code].status,
  ...PROBLEM_GUIDES[code],
});

function codeOf(slug: string): ErrorCode | undefined {
  const code = slug.toUpperCase().replaceAll('-', '_');
  return isErrorCode(code) && slugOf(code) === slug ? code : undefined;
}
