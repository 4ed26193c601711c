import { z } from 'zod';
import { DomainError, type FieldError } from './errors.ts';

/**
 * The arguments of a field as its schema knows them.
 *
 * @throws DomainError VALIDATION_FAILED naming each fault by JSON Pointer; never with the value that was given.
 */
export function parseArguments<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new DomainError('VALIDATION_FAILED', { errors: parsed.error.issues.map(toFieldError) });
}

/**
 * A public id as an argument. What cannot be one (PostgreSQL takes no NUL, UTF-8 no lone surrogate) becomes an id that
 * nothing has: to the caller it is unknown, as any other.
 */
export const idArgument = z.string().transform((text) => text.slice(0, 128).replace(/[\p{Cc}\p{Cs}]/gu, '\uFFFD'));

/** A text of one line, 1 to `max` characters. */
export const lineArgument = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'holds a control character or half a character');

function toFieldError({ path, code, message }: z.core.$ZodIssue): FieldError {
  const pointer = path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return { pointer, code: code.replaceAll('_', '-'), detail: message };
}
