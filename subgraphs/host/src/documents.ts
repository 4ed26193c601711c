import { DomainError } from '@bridgework/kernel/errors';
import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';

export interface ReadyDocument {
  readonly document: DocumentNode;
  readonly operation: 'query' | 'mutation';
}

const MAX_TOKENS = 20_000;
const MAX_KEPT = 500;
const RULES = [...specifiedRules, NoSchemaIntrospectionCustomRule];

/**
 * Parses and validates what the gateway sends, each text once; the most recently used ones stay. Throws
 * GRAPHQL_VALIDATION_FAILED.
 */
export function createDocuments(schema: GraphQLSchema): (text: string, operationName?: string) => ReadyDocument {
  const kept = new Map<string, DocumentNode>();
  return (text, operationName) => {
    const document = kept.get(text) ?? prepare(schema, text);
    kept.delete(text);
    kept.set(text, document);
    const [oldest] = kept.size > MAX_KEPT ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    const operation = getOperationAST(document, operationName)?.operation;
    if (operation === 'query' || operation === 'mutation') return { document, operation };
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: 'The document has no such operation.' });
  };
}

function prepare(schema: GraphQLSchema, text: string): DocumentNode {
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
