import { z } from 'zod';
import { DomainError, type FieldError } from './errors.ts';

/**
 * The arguments of a field as its schema knows them. No text in them holds what PostgreSQL or UTF-8 cannot: a schema
 * that is content with such a text is overruled.
 *
 * @throws DomainError VALIDATION_FAILED naming each fault by JSON Pointer; never with the value that was given.
 */
export function parseArguments<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  const errors = parsed.success ? findUnstorable(parsed.data) : parsed.error.issues.map(toFieldError);
  if (!parsed.success || errors.length > 0) throw new DomainError('VALIDATION_FAILED', { errors });
  return parsed.data;
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

/**
 * Texts anywhere in a parsed value that cannot be stored: with a NUL character, which PostgreSQL refuses in text and in
 * JSON, or with half of a surrogate pair, which UTF-8 would silently replace.
 */
export function findUnstorable(value: unknown, pointer = ''): FieldError[] {
  if (typeof value === 'string') {
    if (value.includes('\u0000')) return [{ pointer, code: 'nul-character', detail: 'holds a NUL character' }];
    return /\p{Cs}/u.test(value) ? [{ pointer, code: 'half-character', detail: 'holds half a character' }] : [];
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) return [];
  return Object.entries(value).flatMap(([name, part]) => findUnstorable(part, `${pointer}${segmentOf(name)}`));
}

function toFieldError({ path, code, message }: z.core.$ZodIssue): FieldError {
  return {
    pointer: path.map((segment) => segmentOf(String(segment))).join(''),
    code: code.replaceAll('_', '-'),
    detail: message,
  };
}

/** @see RFC 6901 */
const segmentOf = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/**
 * An idempotency key: 1 to 255 visible ASCII characters.
 *
 * @throws DomainError IDEMPOTENCY_KEY_MISSING or VALIDATION_FAILED.
 */
export function parseIdempotencyKey(key: string): string {
  if (key === '') throw new DomainError('IDEMPOTENCY_KEY_MISSING');
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const fault = { pointer: '/idempotencyKey', code: 'invalid-format', detail: 'is 1 to 255 visible ASCII characters' };
  throw new DomainError('VALIDATION_FAILED', { errors: [fault] });
}
