import { createHash } from 'node:crypto';
import { documentIdOf, parseManifest } from '@bridgework/integration';
import { DomainError } from '@bridgework/kernel/errors';
import { describe, expect, test } from 'vitest';

const [one, two] = ['query One { me { id } }', 'query Two { me { name } }'];
const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex');
const apollo = (...operations: readonly unknown[]): string =>
  JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations });

function refusalOf(source: string): DomainError {
  try {
    parseManifest(source);
  } catch (error) {
    if (error instanceof DomainError) return error;
  }
  throw new Error('The manifest was not refused.');
}
const faultsOf = (source: string) => refusalOf(source).details.errors?.map(({ pointer, code }) => `${pointer} ${code}`);

describe('a manifest', () => {
  test('is refused where a text holds what cannot be stored', () => {
    expect(faultsOf(JSON.stringify({ a: one, b: 'query Two { me { name } } # \u0000' }))).toEqual(['/b nul-character']);
    expect(faultsOf(JSON.stringify([['a', 'query Two { me { name } } # \ud800']]))).toEqual(['/0 half-character']);
  });

  test('of Apollo Client is recognised; its SHA-256 ids need no alias', () => {
    const manifest = parseManifest(apollo({ id: hash('sha256', one), name: 'One', type: 'query', body: one }));
    expect(manifest).toMatchObject({ format: 'apollo', entries: [{ id: documentIdOf(one), alias: null, text: one }] });
  });

  test("of codegen or Relay is recognised; the client's own hashes become aliases", () => {
    const source = JSON.stringify({ [hash('md5', one)]: one, [hash('sha1', two)]: two });
    expect(parseManifest(source)).toMatchObject({
      format: 'key-value',
      entries: [
        { id: documentIdOf(one), alias: hash('md5', one) },
        { id: documentIdOf(two), alias: hash('sha1', two) },
      ],
    });
  });

  test('of pairs is recognised', () => {
    expect(parseManifest(JSON.stringify([['first', one]]))).toMatchObject({
      format: 'pairs',
      entries: [{ alias: 'first', text: one }],
    });
  });

  test('may be the plain text of one document', () => {
    expect(parseManifest(one)).toEqual({
      format: 'text',
      entries: [{ id: documentIdOf(one), alias: null, text: one, pointer: '' }],
    });
  });

  test('keeps every byte of the text: a line break makes another document', () => {
    expect(parseManifest(`${one}\n`).entries[0]?.id).not.toBe(documentIdOf(one));
  });

  test('is refused when a key claims a SHA-256 that the text does not have', () => {
    expect(faultsOf(apollo({ id: hash('sha256', two), body: one }))).toEqual(['/operations/0 hash-mismatch']);
    expect(faultsOf(JSON.stringify({ [`sha256:${hash('sha256', two)}`]: one }))).toEqual([
      `/sha256:${hash('sha256', two)} hash-mismatch`,
    ]);
    expect(parseManifest(JSON.stringify({ [`sha256:${hash('sha256', one)}`]: one })).entries).toHaveLength(1);
  });

  test('is refused when one key names two documents, and says where', () => {
    expect(
      faultsOf(
        JSON.stringify([
          ['a', one],
          ['b', two],
          ['a', two],
        ]),
      ),
    ).toEqual(['/2 ambiguous-key']);
    expect(
      parseManifest(
        JSON.stringify([
          ['a', one],
          ['a', one],
        ]),
      ).entries,
    ).toHaveLength(1);
  });

  test('names every fault at once, each with its place', () => {
    const source = JSON.stringify({ 'a/b': 7, '': one, [`k${'x'.repeat(128)}`]: one, 'two words': one, ok: one });
    expect(faultsOf(source)).toEqual([
      '/a~1b not-text',
      '/ bad-key',
      `/k${'x'.repeat(128)} bad-key`,
      '/two words bad-key',
    ]);
  });

  test('of an unknown shape is refused with the shapes that are known', () => {
    for (const source of ['7', '"query { me }"', 'null', '[1]', '[["a"]]', '{"format":"other"}', apollo('x')]) {
      expect(refusalOf(source)).toMatchObject({ code: 'VALIDATION_FAILED' });
      expect(refusalOf(source).message).toContain('apollo-persisted-query-manifest');
    }
  });

  test('is refused when it is empty, above 500 documents or above 1 MB', () => {
    expect(faultsOf('{}')).toEqual([' empty']);
    expect(faultsOf('')).toEqual([' not-text']);
    const many = (count: number): string =>
      JSON.stringify(Array.from({ length: count }, (_, at) => [`k${at}`, `query Q${at} { me { id } }`]));
    expect(parseManifest(many(500)).entries).toHaveLength(500);
    expect(faultsOf(many(501))).toEqual([' too-many']);
    expect(refusalOf(`# ${'é'.repeat(524_288)}`).code).toBe('PAYLOAD_TOO_LARGE');
  });
});
