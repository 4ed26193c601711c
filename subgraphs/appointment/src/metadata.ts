import { z } from 'zod';

/** A partner's notes beside what it sends: free-form, never read by us. */
export type Metadata = Readonly<Record<string, string>>;

const MAX_ENTRIES = 20;
/** PostgreSQL takes no NUL, UTF-8 no half of a character; everything else is kept as it came. */
const text = (min: number, max: number) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((given) => !given.includes('\0') && !/\p{Cs}/u.test(given), 'holds U+0000 or half a character');

export const metadataInput = z
  .array(z.strictObject({ name: text(1, 64), value: text(0, 256) }))
  .max(MAX_ENTRIES)
  .refine((entries) => new Set(entries.map(({ name }) => name)).size === entries.length, 'names something twice')
  .nullish()
  .transform((entries): Metadata => Object.fromEntries((entries ?? []).map(({ name, value }) => [name, value])));

export const metadataEntries = (metadata: Metadata): { name: string; value: string }[] =>
  Object.entries(metadata).map(([name, value]) => ({ name, value }));
