import type { z } from 'zod';
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

function toFieldError({ path, code, message }: z.core.$ZodIssue): FieldError {
  const pointer = path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return { pointer, code: code.replaceAll('_', '-'), detail: message };
}
