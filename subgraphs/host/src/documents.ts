import { DomainError } from '@bridgework/kernel/errors';
import type { GuardedGraph } from '@bridgework/kernel/scope-rules';
import type { Verdict } from '@bridgework/kernel/scope-verdicts';
import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { type CompilingOptions, createCompiledQueries, type FindCompiled } from './compiled-queries.ts';

export interface ReadyDocument {
  readonly document: DocumentNode;
  readonly operation: 'query' | 'mutation';
  /** Whether shield refuses nothing of it to a caller. */
  readonly isPermitted: Verdict;
  /** Nothing for mutations. */
  readonly findCompiled: FindCompiled;
}

const MAX_TOKENS = 20_000;
const MAX_KEPT = 500;
const RULES = [...specifiedRules, NoSchemaIntrospectionCustomRule];

/**
 * Parses, validates and compiles what the gateway sends, each text once; the most recently used ones stay. Throws
 * GRAPHQL_VALIDATION_FAILED.
 */
export function createDocuments(
  graph: GuardedGraph,
  options?: CompilingOptions,
): (text: string, operationName?: string) => ReadyDocument {
  const kept = new Map<string, ReadyDocument>();
  const compiledQueries = createCompiledQueries(graph.bare, options);

  function prepare(text: string, operationName: string | undefined): ReadyDocument {
    const document = parseValid(graph.bare, text);
    const node = getOperationAST(document, operationName);
    const isPermitted = graph.permits(document);
    if (node?.operation === 'query') {
      return { document, operation: 'query', isPermitted, findCompiled: compiledQueries(document, node) };
    }
    if (node?.operation === 'mutation') {
      return { document, operation: 'mutation', isPermitted, findCompiled: () => undefined };
    }
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: 'The document has no such operation.' });
  }

  return (text, operationName) => {
    // No name holds a line break, so no two keys are the same.
    const key = operationName === undefined ? `\n${text}` : `${operationName}\n${text}`;
    const ready = kept.get(key) ?? prepare(text, operationName);
    kept.delete(key);
    kept.set(key, ready);
    const [oldest] = kept.size > MAX_KEPT ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    return ready;
  };
}

function parseValid(schema: GraphQLSchema, text: string): DocumentNode {
  const document = parseText(text);
  const [fault] = validate(schema, document, RULES, { maxErrors: 1 });
  if (fault === undefined) return document;
  throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: fault.message });
}

function parseText(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: MAX_TOKENS, noLocation: true });
  } catch (cause) {
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', { cause });
  }
}
