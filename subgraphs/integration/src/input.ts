import { parseArguments } from '@bridgework/kernel/arguments';
import { EVENT_TYPES, SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { z } from 'zod';

/** What an integration may declare to use. */
export const DECLARED_APIS = ['GRAPHQL', 'REST', 'WEBHOOKS'] as const;

/** Text that a person wrote; kept as it is, but for the blanks around it. */
export const prose = (maximum: number) => z.string().trim().min(1).max(maximum);
export const scopes = z.array(z.enum(SCOPE_NAMES as [Scope, ...Scope[]])).transform((list) => [...new Set(list)]);
export const eventTypes = z.array(z.enum(EVENT_TYPES)).transform((list) => [...new Set(list)]);
export const declaredApis = z.array(z.enum(DECLARED_APIS)).transform((list) => [...new Set(list)]);
/** Names alone: which port and path an image has is not what is approved. */
export const imageHosts = z
  .array(z.string().regex(/^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/, 'is no host name'))
  .max(10)
  .transform((list) => [...new Set(list)]);
/** The graph's DateTime arrives as a Date, a plain call may give ISO 8601 with an offset. */
export const instant = z
  .union([z.date(), z.iso.datetime({ offset: true }).transform((text) => new Date(text))])
  .refine((date) => !Number.isNaN(date.getTime()), 'is no instant');
export const reason = prose(500);
export const idempotencyKey = z.string().min(1).max(255);

/** As {@link parseArguments}; GraphQL's null is the same as "not given". Throws VALIDATION_FAILED. */
export const parseInput = <Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> =>
  parseArguments(schema, withoutNulls(input));

function withoutNulls(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input) || input instanceof Date) return input;
  return Object.fromEntries(
    Object.entries(input)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, withoutNulls(value)]),
  );
}
