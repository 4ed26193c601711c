import { DomainError } from '@bridgework/kernel/errors';
import { type DocumentNode, type GraphQLSchema, parse, validate } from 'graphql';
import { pickOperation } from '../documents/pick-operation.ts';
import { documentIdOf } from '../documents/prepare-document.ts';
import type { ExecutableDocument } from '../graph/execute.ts';
import type { Supergraph } from '../graph/load-supergraph.ts';

/** What is found under an id: a document ready to run, or why it is not. */
export type KnownOperation = ExecutableDocument | DomainError;

const FREE = { scopes: [[]], manager: false, introspects: false, personalData: false } as const;
const MAX_FAULTS = 10;
const MAX_TEXTS = 1000;

/** Documents by every id that a client may call them by: the file's key, and the hash of the text with and without its prefix. */
export function readOperations(supergraph: Supergraph, file: unknown): ReadonlyMap<string, KnownOperation> {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new Error('OPS_FILE must hold one JSON object: ids and the texts of the documents.');
  }
  const known = new Map<string, KnownOperation>();
  for (const [key, text] of Object.entries(file)) {
    if (typeof text !== 'string') throw new Error(`OPS_FILE: what is under ${key} is no text.`);
    const operation = prepare(supergraph, text);
    for (const id of [documentIdOf(text), normalise(key), key]) known.set(id, operation);
  }
  return known;
}

/** As `read-request.ts` looks ids up. */
const normalise = (key: string): string =>
  key.replace(/^(?:sha256:)?([0-9a-f]{64})$/i, (_key, hex: string) => `sha256:${hex.toLowerCase()}`);

function prepare(supergraph: Supergraph, text: string): KnownOperation {
  try {
    const operation = readText(supergraph.schema, text, undefined);
    supergraph.plan(operation.id, operation.document);
    return operation;
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'The document cannot be planned.';
    return error instanceof DomainError ? error : new DomainError('GRAPHQL_VALIDATION_FAILED', { detail });
  }
}

/** Reads query text that comes with a request; the last thousand texts are remembered. */
export function createTextReader(schema: GraphQLSchema) {
  const kept = new Map<string, ExecutableDocument>();
  return (text: string, operationName: string | undefined): ExecutableDocument => {
    const key = `${operationName ?? ''} ${text}`;
    const known = kept.get(key) ?? readText(schema, text, operationName);
    kept.set(key, known);
    const oldest = kept.size > MAX_TEXTS ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    return known;
  };
}

function readText(schema: GraphQLSchema, text: string, operationName: string | undefined): ExecutableDocument {
  const whole = parseText(text);
  const faults = validate(schema, whole, undefined, { maxErrors: MAX_FAULTS });
  const [fault] = faults;
  if (fault !== undefined) throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: fault.message });
  const { operation, document } = pickOperation(whole, operationName);
  return {
    id: `${documentIdOf(text)} ${operationName ?? ''}`,
    text,
    document,
    operationName: operation.name?.value ?? '',
    operation: operation.operation === 'mutation' ? 'mutation' : 'query',
    requirement: FREE,
    audited: false,
  };
}

function parseText(text: string): DocumentNode {
  try {
    return parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'The document cannot be read.';
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail });
  }
}
