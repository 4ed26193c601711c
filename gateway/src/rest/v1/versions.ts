import { z } from 'zod';
import { defineLocalRoute } from '../define-route.ts';
import type { Route, RouteFacts } from '../route.ts';
import { instant } from '../values.ts';
import { belongsTo, prefixOf, VERSIONS } from '../versions.ts';

const DeprecatedOperationV1 = z.strictObject({
  method: z.string().meta({ examples: ['GET'] }),
  path: z.string().meta({ examples: ['/api/v1/appointments'] }),
  status: z.enum(['DEPRECATED', 'RETIRED']),
  deprecated_at: instant.meta({ description: 'The Deprecation header, as an instant.' }),
  sunset_at: instant.meta({ description: 'The Sunset header, as an instant; from then on the answer is 410.' }),
  successor: z.string().nullable().meta({ description: 'What to call instead.' }),
  link: z.string().meta({ description: 'Where the change is explained.' }),
});

export const VersionsV1 = z
  .strictObject({
    versions: z.array(
      z.strictObject({
        major: z.string().meta({ examples: ['v1'] }),
        version: z.string().meta({ examples: ['1.0.0'] }),
        status: z.enum(['CURRENT', 'DEPRECATED', 'RETIRED']).meta({
          description: 'DEPRECATED when all its operations are, RETIRED when all of them are past their sunset.',
        }),
        path: z.string(),
        openapi: z.string(),
        sunset_on: z.iso
          .date()
          .nullable()
          .meta({ description: 'When its last operation ends; null while one is current.' }),
        deprecated_operations: z.array(DeprecatedOperationV1),
      }),
    ),
  })
  .meta({ id: 'Versions' });

/** Read off the route table, which writes the headers too: the two cannot tell different stories. */
export const getVersionsV1 = defineLocalRoute({
  path: '/api/v1/versions',
  tag: 'About',
  summary: 'Versions of this API and what of them is on its way out, for machines.',
  description:
    'Within a version changes are additive alone; a breaking change is a new version beside the old one, which goes on for ' +
    'twelve months at least. What is deprecated says so in the headers Deprecation, Sunset and Link of each answer.',
  params: z.strictObject({}),
  answers: { 200: VersionsV1 },
  toV1: (_params, facts) => ({ versions: VERSIONS.map(({ major, version }) => describe(major, version, facts)) }),
});

function describe(major: (typeof VERSIONS)[number]['major'], version: string, { routes, now }: RouteFacts) {
  // Routes without an operation tell about the API itself and end with it.
  const operations = routes.filter(({ path, operation }) => belongsTo(path, major) && operation !== undefined);
  const deprecated = operations.flatMap((route) => describeDeprecated(route, now));
  const areAll = (statuses: readonly string[]) =>
    deprecated.length > 0 &&
    deprecated.length === operations.length &&
    deprecated.every(({ status }) => statuses.includes(status));
  return {
    major,
    version,
    status: areAll(['RETIRED']) ? 'RETIRED' : areAll(['RETIRED', 'DEPRECATED']) ? 'DEPRECATED' : 'CURRENT',
    path: prefixOf(major),
    openapi: `${prefixOf(major)}/openapi.json`,
    sunset_on: areAll(['RETIRED', 'DEPRECATED'])
      ? (deprecated
          .map(({ sunset_at }) => sunset_at.slice(0, 10))
          .toSorted()
          .at(-1) ?? null)
      : null,
    deprecated_operations: deprecated,
  };
}

function describeDeprecated({ method, path, deprecation }: Route, now: Date) {
  if (deprecation === undefined) return [];
  return [
    {
      method,
      path,
      status: now >= deprecation.sunset ? 'RETIRED' : 'DEPRECATED',
      deprecated_at: deprecation.since.toISOString(),
      sunset_at: deprecation.sunset.toISOString(),
      successor: deprecation.successor ?? null,
      link: deprecation.link,
    },
  ];
}
