import { createHash } from 'node:crypto';
import { findUnstorable } from '@bridgework/kernel/arguments';
import { DomainError, type FieldError } from '@bridgework/kernel/errors';

/**
 * Reads a set of documents in the shape the client's own tool writes, told apart by looking at it. Pure; knows no graph.
 *
 * @see docs/rules.md#persisted-documents
 */
export const MAX_MANIFEST_BYTES = 1_048_576;
export const MAX_DOCUMENTS = 500;
export const MAX_KEY_LENGTH = 128;

/** `apollo`: @apollo/generate-persisted-query-manifest; `key-value`: graphql-codegen and Relay; `text`: one .graphql file. */
export type ManifestFormat = 'apollo' | 'key-value' | 'pairs' | 'text';

export interface ManifestEntry {
  /** `sha256:<64 hex of the exact text>`: what we call the document. */
  readonly id: string;
  /** The client's own key where it is another name than ours; accepted as an alias inside its integration. */
  readonly alias: string | null;
  readonly text: string;
  /** Where the document stands in the manifest (RFC 6901). */
  readonly pointer: string;
}

export interface Manifest {
  readonly format: ManifestFormat;
  readonly entries: readonly ManifestEntry[];
}

interface RawEntry {
  readonly key: unknown;
  readonly text: unknown;
  readonly pointer: string;
}

/** The identity of a document: changes with every byte of its text. */
export const documentIdOf = (text: string): string =>
  `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;

/**
 * Throws PAYLOAD_TOO_LARGE above 1 MB and VALIDATION_FAILED, with a pointer for each fault, when the shape is none we
 * know, when there are no or more than 500 documents, when a key claims to be a SHA-256 of the text and is not, and when
 * one key names two texts. The same document twice counts once.
 */
export function parseManifest(source: string): Manifest {
  if (Buffer.byteLength(source, 'utf8') > MAX_MANIFEST_BYTES) {
    throw new DomainError('PAYLOAD_TOO_LARGE', { detail: 'A manifest is at most 1 MB; split it into several sets.' });
  }
  const { format, raw } = detect(source);
  if (raw.length === 0) throw invalid([fault('', 'empty', 'The manifest holds no document.')]);
  if (raw.length > MAX_DOCUMENTS) {
    throw invalid([fault('', 'too-many', `The manifest holds ${raw.length} documents; a set takes ${MAX_DOCUMENTS}.`)]);
  }
  const faults: FieldError[] = [];
  const entries = raw.map((entry) => read(entry, faults)).filter((entry) => entry !== undefined);
  faults.push(...findAmbiguousKeys(entries));
  if (faults.length > 0) throw invalid(faults);
  return { format, entries: [...new Map(entries.map((entry) => [`${entry.id} ${entry.alias}`, entry])).values()] };
}

function detect(source: string): { format: ManifestFormat; raw: readonly RawEntry[] } {
  const value = parseJson(source);
  if (value === undefined) return { format: 'text', raw: [{ key: null, text: source, pointer: '' }] };
  if (Array.isArray(value)) return { format: 'pairs', raw: value.map(toPair) };
  if (!isRecord(value)) throw unknownShape();
  if (!('format' in value)) {
    const raw = Object.entries(value).map(([key, text]) => ({ key, text, pointer: `/${escapePointer(key)}` }));
    return { format: 'key-value', raw };
  }
  if (value.format !== 'apollo-persisted-query-manifest' || value.version !== 1 || !Array.isArray(value.operations)) {
    throw unknownShape();
  }
  return { format: 'apollo', raw: value.operations.map(toApolloOperation) };
}

function toPair(pair: unknown, at: number): RawEntry {
  if (!Array.isArray(pair) || pair.length !== 2) throw unknownShape();
  return { key: pair[0], text: pair[1], pointer: `/${at}` };
}

function toApolloOperation(operation: unknown, at: number): RawEntry {
  if (!isRecord(operation)) throw unknownShape();
  return { key: operation.id, text: operation.body, pointer: `/operations/${at}` };
}

function read({ key, text, pointer }: RawEntry, faults: FieldError[]): ManifestEntry | undefined {
  if (typeof text !== 'string' || text.trim() === '') {
    faults.push(fault(pointer, 'not-text', 'The document is not GraphQL text.'));
    return undefined;
  }
  const unstorable = findUnstorable(text, pointer);
  if (unstorable.length > 0) {
    faults.push(...unstorable);
    return undefined;
  }
  const id = documentIdOf(text);
  if (key === null) return { id, alias: null, text, pointer };
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH || !PRINTABLE.test(key)) {
    faults.push(fault(pointer, 'bad-key', `A document's key is text of 1 to ${MAX_KEY_LENGTH} visible characters.`));
    return undefined;
  }
  const claimed = SHA256_KEY.exec(key)?.[1]?.toLowerCase();
  if (claimed !== undefined && `sha256:${claimed}` !== id) {
    faults.push(fault(pointer, 'hash-mismatch', `The key claims a SHA-256, but the text's is ${id.slice(7)}.`));
    return undefined;
  }
  return { id, alias: claimed === undefined ? key : null, text, pointer };
}

/** 64 hex digits are what Apollo's tools and codegen write for SHA-256, with or without the prefix. */
const SHA256_KEY = /^(?:sha256:)?([0-9a-f]{64})$/i;
const PRINTABLE = /^[\x21-\x7e]+$/;

function findAmbiguousKeys(entries: readonly ManifestEntry[]): FieldError[] {
  const texts = new Map<string, string>();
  return entries.flatMap(({ alias, id, pointer }) => {
    if (alias === null) return [];
    const earlier = texts.get(alias);
    texts.set(alias, id);
    return earlier === undefined || earlier === id
      ? []
      : [fault(pointer, 'ambiguous-key', `The key '${alias}' names two different documents.`)];
  });
}

/** Undefined when the text is no JSON: then it is GraphQL, which cannot be valid JSON except for `{}`-like nonsense. */
function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
const fault = (pointer: string, code: string, detail: string): FieldError => ({ pointer, code, detail });
const invalid = (errors: readonly FieldError[]): DomainError => new DomainError('VALIDATION_FAILED', { errors });
const unknownShape = (): DomainError =>
  new DomainError('VALIDATION_FAILED', {
    detail:
      'The manifest has none of the known shapes: apollo-persisted-query-manifest version 1, an object of key and text, ' +
      'a list of [key, text] pairs, or the text of one document.',
  });
