import { z } from 'zod';

/** Free-form notes of a partner: names in any script, Arabic included; the fields of the contract itself are English. */
export const metadata = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((notes) => Object.keys(notes).length <= 20, 'Give 20 entries at most.')
  .meta({ description: 'Up to 20 notes of your own: names of 1 to 64 characters in any script, texts up to 256.' });

interface Entry {
  readonly name: string;
  readonly value: string;
}

export const toEntries = (notes: Readonly<Record<string, string>> | undefined): Entry[] =>
  Object.entries(notes ?? {}).map(([name, value]) => ({ name, value }));

export const fromEntries = (entries: readonly Entry[]): Record<string, string> =>
  Object.fromEntries(entries.map(({ name, value }) => [name, value]));
