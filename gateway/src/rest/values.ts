import { type IdPrefix, isId } from '@bridgework/kernel/ids';
import { z } from 'zod';

/** Values that several DTOs and parameters of v1 share. */

/** A public id, for example `apt_…`. */
export const idOf = (prefix: IdPrefix) =>
  z
    .string()
    .refine((text) => isId(prefix, text), `Give an id of the form ${prefix}_….`)
    .meta({ examples: [`${prefix}_7v2k9m4x0c8n5b1d6f3g7h2j4k`] });

/** Shown instants: UTC with milliseconds. */
export const instant = z.iso.datetime({ precision: 3 }).meta({ description: 'UTC, with milliseconds.' });

/** Given instants: any offset; kept in UTC with milliseconds. Years that some reader cannot hold are refused. */
export const givenInstant = z.iso
  .datetime({ offset: true })
  .refine((text) => !(Date.parse(text) < EARLIEST || Date.parse(text) > LATEST), 'Give a year from 1900 to 9000.')
  .overwrite((text) => (Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString()));
const EARLIEST = Date.parse('1900-01-01T00:00:00Z');
const LATEST = Date.parse('9000-12-31T23:59:59Z');

/** A day in the clinic's time zone. */
export const day = z.iso.date();

export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .meta({ description: 'ISO 4217 code.', examples: ['SAR'] });

/** An amount in the currency's smallest unit, as it is shown. */
export const minor = z
  .int()
  .meta({ description: "In the currency's smallest unit: 10000 is 100.00 SAR but 10.000 KWD." });
