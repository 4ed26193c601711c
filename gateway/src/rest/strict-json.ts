import { DomainError } from '@bridgework/kernel/errors';
import { type PointerPath, safePointer } from './pointer.ts';

/**
 * A JSON reader for a contract in which every number is an integer. Beyond RFC 8259 it refuses what other readers of the
 * same bytes would understand differently: a key given twice, `1e2` or `1.0` where an integer belongs, integers that a
 * double cannot hold, half surrogate pairs, U+0000 (PostgreSQL stores none), a byte-order mark, invalid UTF-8.
 *
 * @see RFC 8259
 * @see RFC 7493 (I-JSON)
 */
interface Reader {
  readonly text: string;
  at: number;
  /** Where the value being read stands, from the document's root. */
  readonly path: (string | number)[];
}

const MAX_DEPTH = 32;
const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
/** What stands for itself in a string: all but control characters, the quote and the backslash. */
const PLAIN = /[ !#-[\]-\u{10ffff}]*/uy;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const LITERALS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;

/**
 * The value in these bytes. Objects have no prototype, so a key `__proto__` is a key like any other.
 *
 * @throws DomainError MALFORMED_JSON, or VALIDATION_FAILED for a number that is not a safe integer; both with a pointer.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const reader: Reader = { text: decode(bytes), at: 0, path: [] };
  skipWhitespace(reader);
  const value = readValue(reader);
  skipWhitespace(reader);
  if (reader.at < reader.text.length) throw malformed(reader, 'unexpected-token', 'Nothing may follow the value');
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DomainError('MALFORMED_JSON', {
      detail: 'The body is not valid UTF-8.',
      errors: [{ pointer: '', code: 'invalid-utf-8', detail: 'Send the body as UTF-8.' }],
    });
  }
}

function readValue(reader: Reader): unknown {
  if (reader.path.length > MAX_DEPTH) throw malformed(reader, 'too-deep', `Values nest ${MAX_DEPTH} deep at most`);
  switch (reader.text[reader.at]) {
    case '{':
      return readObject(reader);
    case '[':
      return readArray(reader);
    case '"':
      return readString(reader);
    case undefined:
      throw malformed(reader, 'unexpected-end', 'The body ends where a value is expected');
    default:
      return readScalar(reader);
  }
}

function readObject(reader: Reader): unknown {
  const object: Record<string, unknown> = Object.create(null);
  reader.at += 1;
  skipWhitespace(reader);
  if (take(reader, '}')) return object;
  for (;;) {
    if (reader.text[reader.at] !== '"')
      throw malformed(reader, 'unexpected-token', 'A key in double quotes is expected');
    const key = readString(reader);
    reader.path.push(key);
    if (Object.hasOwn(object, key)) throw malformed(reader, 'duplicate-key', 'This key is given twice');
    skipWhitespace(reader);
    if (!take(reader, ':')) throw malformed(reader, 'unexpected-token', 'A colon is expected');
    skipWhitespace(reader);
    object[key] = readValue(reader);
    reader.path.pop();
    skipWhitespace(reader);
    if (take(reader, '}')) return object;
    if (!take(reader, ',')) throw malformed(reader, 'unexpected-token', 'A comma or a closing brace is expected');
    skipWhitespace(reader);
  }
}

function readArray(reader: Reader): unknown {
  const array: unknown[] = [];
  reader.at += 1;
  skipWhitespace(reader);
  if (take(reader, ']')) return array;
  for (;;) {
    reader.path.push(array.length);
    array.push(readValue(reader));
    reader.path.pop();
    skipWhitespace(reader);
    if (take(reader, ']')) return array;
    if (!take(reader, ',')) throw malformed(reader, 'unexpected-token', 'A comma or a closing bracket is expected');
    skipWhitespace(reader);
  }
}

function readString(reader: Reader): string {
  const start = reader.at;
  reader.at += 1;
  for (;;) {
    skip(reader, PLAIN);
    const next = reader.text[reader.at];
    if (next === '"') break;
    if (next === undefined) throw malformed(reader, 'unexpected-end', 'The body ends inside a string');
    if (next !== '\\') throw malformed(reader, 'control-character', 'Control characters are written as escapes');
    if (!skip(reader, ESCAPE)) throw malformed(reader, 'bad-escape', 'JSON has no such escape');
  }
  reader.at += 1;
  // The slice is known to be one well-formed JSON string: the platform's reader resolves the escapes.
  const value = JSON.parse(reader.text.slice(start, reader.at)) as string;
  if (/\p{Surrogate}/u.test(value))
    throw malformed(reader, 'lone-surrogate', 'Half a surrogate pair is not a character');
  if (value.includes('\u0000')) throw malformed(reader, 'null-character', 'U+0000 is not accepted in text');
  return value;
}

function readScalar(reader: Reader): unknown {
  for (const [name, value] of LITERALS) {
    if (reader.text.startsWith(name, reader.at)) {
      reader.at += name.length;
      return value;
    }
  }
  NUMBER.lastIndex = reader.at;
  const number = NUMBER.exec(reader.text);
  if (number === null) throw malformed(reader, 'unexpected-token', 'A value is expected');
  reader.at = NUMBER.lastIndex;
  if (/[0-9.eE+-]/.test(reader.text.charAt(reader.at)))
    throw malformed(reader, 'unexpected-token', 'This is no number');
  if (number[1] !== undefined || number[2] !== undefined) {
    throw refusedNumber(reader, 'not-an-integer', 'Write an integer, without fraction and exponent.');
  }
  const value = Number(number[0]);
  if (!Number.isSafeInteger(value)) {
    throw refusedNumber(reader, 'integer-out-of-range', 'Integers lie between -(2^53-1) and 2^53-1.');
  }
  return value;
}

function skipWhitespace(reader: Reader): void {
  skip(reader, WHITESPACE);
}

/** Steps over what the sticky expression matches here; false when it matches nothing. */
function skip(reader: Reader, expression: RegExp): boolean {
  expression.lastIndex = reader.at;
  if (!expression.test(reader.text)) return false;
  reader.at = expression.lastIndex;
  return true;
}

function take(reader: Reader, character: string): boolean {
  if (reader.text[reader.at] !== character) return false;
  reader.at += 1;
  return true;
}

function malformed(reader: Reader, code: string, sentence: string): DomainError {
  const before = reader.text.slice(0, reader.at);
  const line = before.split('\n').length;
  const column = reader.at - before.lastIndexOf('\n');
  return new DomainError('MALFORMED_JSON', {
    errors: [{ pointer: pointerOf(reader), code, detail: `${sentence} (line ${line}, column ${column}).` }],
  });
}

function refusedNumber(reader: Reader, code: string, detail: string): DomainError {
  return new DomainError('VALIDATION_FAILED', { errors: [{ pointer: pointerOf(reader), code, detail }] });
}

const pointerOf = (reader: Reader): string => safePointer(reader.path satisfies PointerPath);
