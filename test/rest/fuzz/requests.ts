import type { Chance } from './chance.ts';
import { HOSTILE, type KnownIds, mutate, type Resolve, type Schema, valueFor } from './values.ts';

export interface FuzzRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Reference {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface FuzzSite {
  readonly references: readonly Reference[];
  readonly ids: KnownIds;
  /** Bearer tokens that are good for something, and one that is good for nothing. */
  readonly tokens: readonly string[];
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const ENCODINGS = ['%00', '%FF', '%C0%AF', '%', '%zz', '%F0%9F%A6%B7', '..%2f', '%2e%2e', '١٢٣'];

/** The next request of a kind: as the contract wants it, with one thing wrong, or hostile all over. */
export function nextRequest({ references, ids, tokens }: FuzzSite, chance: Chance): FuzzRequest {
  const { reference, template, verb, operation } = chance.pick(operationsOf(references));
  const resolve: Resolve = ({ $ref, ...schema }) =>
    $ref === undefined ? schema : (reference.components.schemas[$ref.replace(/^.*\//, '')] ?? {});
  const kind = chance.pick(['valid', 'mutated', 'mutated', 'hostile'] as const);
  const make = (schema: Schema, name: string) => valueFor(schema, name, resolve, chance, ids);
  const parameters = operation.parameters ?? [];

  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema ?? {};
    if (kind !== 'valid' && chance.once(3)) return chance.pick([...ENCODINGS, ...HOSTILE.map(encode)]).slice(0, 2000);
    return encode(make(schema, name));
  });
  const query = queryOf(
    parameters.filter((one) => one.in === 'query'),
    kind,
    make,
    chance,
  );
  const schema = operation.requestBody?.content['application/json']?.schema;
  // Now and then a body comes where none is asked for.
  const isUnasked = schema === undefined && kind === 'hostile' && chance.once(5);
  const body = schema === undefined && !isUnasked ? undefined : bodyOf(make(schema ?? {}, ''), kind, chance);
  const method = kind === 'hostile' && chance.once(4) ? chance.pick(METHODS) : verb.toUpperCase();
  return {
    method,
    path: `${kind === 'hostile' && chance.once(12) ? `${path}/` : path}${query}`,
    headers: headersOf(parameters, kind, body !== undefined, tokens, chance),
    ...(body === undefined ? {} : { body }),
  };
}

const known = new WeakMap<readonly Reference[], ReturnType<typeof listOperations>>();

/** Each operation of every version, as likely as any other. */
function operationsOf(references: readonly Reference[]) {
  const operations = known.get(references) ?? listOperations(references);
  known.set(references, operations);
  return operations;
}

const listOperations = (references: readonly Reference[]) =>
  references.flatMap((reference) =>
    Object.entries(reference.paths).flatMap(([template, operations]) =>
      Object.entries(operations).map(([verb, operation]) => ({ reference, template, verb, operation })),
    ),
  );

function queryOf(
  parameters: NonNullable<Operation['parameters']>,
  kind: string,
  make: (schema: Schema, name: string) => unknown,
  chance: Chance,
): string {
  const pairs = parameters
    .filter(({ required, name }) => required || (name !== 'cursor' && chance.once(3)))
    .map(({ name, schema }) => {
      const wrong = kind !== 'valid' && chance.once(3);
      return `${name}=${wrong ? chance.pick([...ENCODINGS, ...HOSTILE.map(encode)]).slice(0, 3000) : encode(make(schema, name))}`;
    });
  if (kind === 'hostile') {
    if (chance.once(3))
      pairs.push(chance.pick(['x=1', 'limit=1', 'limit=1', 'cursor=abc', '__proto__=1', '=', '&&', 'a[b]=c']));
    if (chance.once(6)) pairs.push(...pairs);
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function bodyOf(valid: unknown, kind: string, chance: Chance): string | Buffer {
  if (kind === 'valid') return JSON.stringify(valid);
  if (kind === 'mutated') return JSON.stringify(mutate(valid, chance));
  const text = JSON.stringify(mutate(mutate(valid, chance), chance)) ?? '';
  return chance.pick<() => string | Buffer>([
    () => text.slice(0, chance.below(text.length + 1)),
    () => `${text}${text}`,
    () => Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe, 0xc0])]),
    () => '['.repeat(20_000),
    () => `{"a":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`,
    () => text.replace('{', '{"invoice_id":1,"invoice_id":2,'),
    () => `﻿${text}`,
    () => JSON.stringify({ a: 'x'.repeat(100_000) }),
    () => text.replace(/\d+/g, '1e999'),
    () => Buffer.from(text, 'utf16le'),
    () => JSON.stringify(chance.pick(HOSTILE)) ?? 'undefined',
    () => '',
  ])();
}

function headersOf(
  parameters: NonNullable<Operation['parameters']>,
  kind: string,
  hasBody: boolean,
  tokens: readonly string[],
  chance: Chance,
): Record<string, string> {
  const wrong = (of: number) => kind === 'hostile' && chance.once(of);
  const named = (name: string) => parameters.some((one) => one.in === 'header' && one.name === name);
  const key = wrong(4)
    ? chance.pick(['', ' ', 'x'.repeat(300), 'a b', 'é', '4111111111111111'])
    : `key-${chance.below(500)}`;
  const tag = wrong(2)
    ? chance.pick(['*', 'W/"v1-x"', '"v1"', 'v1', '""'])
    : `"v${1 + chance.below(3)}-${'a'.repeat(27)}"`;
  return {
    ...(wrong(8) ? {} : { authorization: `Bearer ${wrong(8) ? 'nonsense' : chance.pick(tokens)}` }),
    ...(hasBody
      ? {
          'content-type': wrong(6)
            ? chance.pick(['text/plain', 'application/xml', '', 'application/json; charset=utf-16'])
            : 'application/json',
        }
      : {}),
    ...(wrong(6)
      ? { accept: chance.pick(['text/html', 'application/xml', '*/*;q=0', ';;;,', 'application/json;q=nan']) }
      : {}),
    ...(named('Idempotency-Key') && !wrong(6) ? { 'idempotency-key': key } : {}),
    ...(named('If-Match') && !wrong(4) ? { 'if-match': tag } : {}),
    ...(wrong(8) ? { 'if-none-match': chance.pick(['*', '"x"', 'W/"', ',,,']) } : {}),
    ...(wrong(8) ? { traceparent: chance.pick(['00-x', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`]) } : {}),
  };
}

/** As a client would put it into a URL; half a surrogate pair, which no URL can hold, as three dots. */
function encode(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '…'));
}
