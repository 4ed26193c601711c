import { DomainError, type FieldError } from '@bridgework/kernel/errors';
import type { z } from 'zod';
import { type PointerPath, safePointer } from './pointer.ts';

/**
 * What the contract makes of a part of the request.
 *
 * @throws DomainError UNKNOWN_FIELD when nothing else is wrong, otherwise VALIDATION_FAILED; every fault with its pointer,
 * into the body or naming the parameter, and never with the value that was given.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue) => toFieldErrors(issue, value));
  const code = errors.every((error) => error.code === 'unknown-field') ? 'UNKNOWN_FIELD' : 'VALIDATION_FAILED';
  throw new DomainError(code, { errors });
}

/**
 * The query's parameters, form-decoded (`+` is a space). A parameter given twice is refused: readers disagree on which one
 * counts.
 *
 * @throws DomainError VALIDATION_FAILED
 */
export function readQuery(url: string): Record<string, string> {
  const parameters: Record<string, string> = Object.create(null);
  const mark = url.indexOf('?');
  if (mark < 0) return parameters;
  for (const pair of url.slice(mark + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (Object.hasOwn(parameters, name)) throw refused([name], 'duplicate-parameter', 'Give this parameter once.');
    parameters[name] = decode(equals < 0 ? '' : pair.slice(equals + 1));
  }
  return parameters;
}

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (!decoded.includes('\u0000')) return decoded;
  } catch {
    // Refused below, as U+0000 is.
  }
  throw refused([], 'bad-encoding', 'Parameters are percent-encoded UTF-8 without U+0000.');
}

const refused = (path: PointerPath, code: string, detail: string): DomainError =>
  new DomainError('VALIDATION_FAILED', { errors: [{ pointer: safePointer(path), code, detail }] });

type Issue = z.core.$ZodIssue;

function toFieldErrors(issue: Issue, value: unknown): FieldError[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: safePointer([...path, key]),
      code: 'unknown-field',
      detail: 'This operation does not know this field.',
    }));
  }
  const missing = valueAt(value, path) === undefined;
  const [code, detail] = missing ? ['required', 'This field is required.'] : describe(issue);
  return [{ pointer: safePointer(path), code, detail }];
}

/** Our own words: zod's may repeat what was given. */
function describe(issue: Issue): [code: string, detail: string] {
  switch (issue.code) {
    case 'invalid_type':
      return ['wrong-type', `Give ${article(issue.expected === 'int' ? 'integer' : issue.expected)}.`];
    case 'too_small':
      return ['too-small', `Give ${issue.origin === 'string' ? 'a longer text' : bound('at least', issue.minimum)}.`];
    case 'too_big':
      return issue.origin === 'string'
        ? ['too-long', `Give ${issue.maximum} characters at most.`]
        : ['too-big', `Give ${bound('at most', issue.maximum)}.`];
    case 'invalid_value':
      return ['not-in-list', `Give one of: ${issue.values.map(String).join(', ')}.`];
    case 'invalid_format':
      return ['bad-format', FORMATS[issue.format] ?? 'This value does not have the required form.'];
    case 'custom':
      return ['not-valid', issue.message];
    default:
      return ['not-valid', 'This value is not valid here.'];
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'Give an instant with its offset (RFC 3339), for example 2026-03-01T08:30:00Z.',
  date: 'Give a calendar day, for example 2026-03-01.',
};
const bound = (word: string, limit: number | bigint): string => `${word} ${limit}`;
const article = (type: string): string => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`);

function valueAt(value: unknown, path: PointerPath): unknown {
  let place = value;
  for (const step of path) {
    if (typeof place !== 'object' || place === null) return undefined;
    place = (place as Record<string | number, unknown>)[step];
  }
  return place;
}
