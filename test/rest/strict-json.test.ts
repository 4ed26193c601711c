import { DomainError } from '@bridgework/kernel/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictJson } from '../../gateway/src/rest/strict-json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function refusalOf(source: string | Uint8Array): { code: string; pointer?: string; fault?: string } {
  try {
    parseStrictJson(typeof source === 'string' ? bytes(source) : source);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const [fault] = error.details.errors ?? [];
    return { code: error.code, ...(fault === undefined ? {} : { pointer: fault.pointer, fault: fault.code }) };
  }
  return { code: 'accepted' };
}

const text = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\u0000'));
const integerJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
  ),
})).value;

test('reads what JSON.parse reads, whatever the spacing', () => {
  fc.assert(
    fc.property(integerJson, fc.constantFrom(undefined, 1, 2, '\t'), (value, indent) => {
      const written = JSON.stringify(value, undefined, indent);
      expect(JSON.stringify(parseStrictJson(bytes(written)))).toBe(JSON.stringify(JSON.parse(written)));
    }),
  );
});

test('never accepts what JSON.parse refuses, and never throws anything but a refusal', () => {
  const broken = fc.tuple(integerJson, fc.nat(), fc.string({ maxLength: 2 })).map(([value, at, noise]) => {
    const written = JSON.stringify(value);
    const place = at % (written.length + 1);
    return written.slice(0, place) + noise + written.slice(place + noise.length);
  });
  fc.assert(
    fc.property(fc.oneof(broken, fc.string()), (source) => {
      if (refusalOf(source).code === 'accepted') expect(() => JSON.parse(source)).not.toThrow();
    }),
    { numRuns: 2000 },
  );
});

test('reads Arabic values byte for byte', () => {
  const value = { الاسم: 'د. سارة الأحمد', emoji: '🦷' };
  expect(parseStrictJson(bytes(JSON.stringify(value)))).toEqual(value);
});

test('keeps a key called __proto__ a key', () => {
  const value = parseStrictJson(bytes('{"__proto__":{"polluted":true}}')) as object;
  expect(Object.keys(value)).toEqual(['__proto__']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test.each([
  ['a key given twice', '{"a":{"b":1,"b":1}}', 'MALFORMED_JSON', '/a/b', 'duplicate-key'],
  ['a key given twice in two spellings', '{"a":1,"\\u0061":2}', 'MALFORMED_JSON', '/a', 'duplicate-key'],
  ['an exponent', '{"amount_minor":1e2}', 'VALIDATION_FAILED', '/amount_minor', 'not-an-integer'],
  ['a fraction that is whole', '[1,2.0]', 'VALIDATION_FAILED', '/1', 'not-an-integer'],
  ['2^53', '{"n":9007199254740992}', 'VALIDATION_FAILED', '/n', 'integer-out-of-range'],
  ['a leading zero', '{"n":01}', 'MALFORMED_JSON', '/n', 'unexpected-token'],
  ['half a surrogate pair', '{"s":"\\ud800"}', 'MALFORMED_JSON', '/s', 'lone-surrogate'],
  ['U+0000', '{"s":"\\u0000"}', 'MALFORMED_JSON', '/s', 'null-character'],
  ['a raw control character', '{"s":"a\nb"}', 'MALFORMED_JSON', '/s', 'control-character'],
  ['an unknown escape', '{"s":"\\x"}', 'MALFORMED_JSON', '/s', 'bad-escape'],
  ['a trailing comma', '{"a":1,}', 'MALFORMED_JSON', '', 'unexpected-token'],
  ['a comment', '{/**/}', 'MALFORMED_JSON', '', 'unexpected-token'],
  ['NaN', '{"a":NaN}', 'MALFORMED_JSON', '/a', 'unexpected-token'],
  ['an unfinished object', '{"a":[1,2', 'MALFORMED_JSON', '/a', 'unexpected-token'],
  ['an unfinished string', '{"a":"b', 'MALFORMED_JSON', '/a', 'unexpected-end'],
  ['an empty body', '', 'MALFORMED_JSON', '', 'unexpected-end'],
  ['two values', '{} {}', 'MALFORMED_JSON', '', 'unexpected-token'],
  ['a byte-order mark', '\ufeff{}', 'MALFORMED_JSON', '', 'unexpected-token'],
  ['deep nesting', '['.repeat(100_000), 'MALFORMED_JSON', '/0'.repeat(33), 'too-deep'],
])('refuses %s and says where', (_name, source, code, pointer, fault) => {
  expect(refusalOf(source)).toEqual({ code, pointer, fault });
});

test('refuses invalid UTF-8', () => {
  expect(refusalOf(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toEqual({
    code: 'MALFORMED_JSON',
    pointer: '',
    fault: 'invalid-utf-8',
  });
});

test('names no key that may be personal data', () => {
  expect(refusalOf('{"4111 1111 1111 1111":{"x":1.5}}').pointer).toBe('');
});
