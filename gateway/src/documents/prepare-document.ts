import { createHash } from 'node:crypto';
import { DomainError } from '@bridgework/kernel/errors';
import {
  DOCUMENT_LIMITS,
  type DocumentLimits,
  findExcess,
  measureDocument,
  type RequirementMap,
  requirementOf,
} from '@bridgework/schema';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  validate,
} from 'graphql';
import { type AuditedFields, selectsAudited } from '../graph/audited-fields.ts';
import type { ExecutableDocument } from '../graph/execute.ts';
import type { Supergraph } from '../graph/load-supergraph.ts';
import { pickOperation } from './pick-operation.ts';

/** Beyond this a text is no document anybody wrote; parsing stops there. */
const MAX_TOKENS = 15_000;
const MAX_FAULTS = 10;

/** `sha256:<64 hex>` of the exact text: a document's identity. */
export const documentIdOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export interface Graph {
  readonly schema: GraphQLSchema;
  readonly requirements: RequirementMap;
  readonly audited: AuditedFields;
}

/**
 * Parses, measures, validates and says what a caller needs. Throws GRAPHQL_VALIDATION_FAILED with the faults and where
 * they are, or LIMIT_EXCEEDED. `operationName` picks one of several operations; a registered document has only one.
 */
export function readDocument(
  { schema, requirements, audited }: Graph,
  text: string,
  limits: DocumentLimits,
  operationName?: string,
): ExecutableDocument {
  const document = parseDocument(text);
  const { operation } = pickOperation(document, operationName);
  const { depth, ...size } = measureDocument(document);
  const excess = findExcess(asksOnlyForSchema(operation) ? size : { depth, ...size }, limits);
  if (excess.length > 0) throw new DomainError('LIMIT_EXCEEDED', { detail: excess.join(' ') });
  const faults = validate(schema, document, undefined, { maxErrors: MAX_FAULTS });
  if (faults.length > 0) throw invalid(faults);
  return {
    id: documentIdOf(text),
    text,
    document,
    operationName: operation.name?.value ?? '',
    operation: operation.operation === OperationTypeNode.MUTATION ? 'mutation' : 'query',
    requirement: requirementOf(schema, requirements, document),
    audited: selectsAudited(audited, schema, document),
  };
}

export type Readiness =
  | { readonly ok: true; readonly document: ExecutableDocument }
  | { readonly ok: false; readonly error: string };

/** Makes a registered document ready: read within the limits and planned ahead. */
export type PrepareDocument = (id: string, text: string) => Readiness;

export function createPrepareDocument(graph: Graph, supergraph: Pick<Supergraph, 'plan'>): PrepareDocument {
  return (id, text) => {
    try {
      const document = readDocument(graph, text, DOCUMENT_LIMITS);
      if (document.requirement.introspects) return { ok: false, error: 'A registered document may not introspect.' };
      supergraph.plan(id, document.document);
      return { ok: true, document };
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error.message : 'The document cannot be planned.' };
    }
  };
}

function parseDocument(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: MAX_TOKENS });
  } catch (error) {
    throw invalid([error]);
  }
}

/** Introspection as tools write it is deeper than any limit for data; graphql-js has a rule of its own for its depth. */
const asksOnlyForSchema = ({ selectionSet }: OperationDefinitionNode): boolean =>
  selectionSet.selections.every((one) => one.kind === Kind.FIELD && one.name.value.startsWith('__'));

function invalid(faults: readonly unknown[]): DomainError {
  const errors = faults.map((fault) => {
    const { line, column } = (fault instanceof GraphQLError ? fault.locations?.[0] : undefined) ?? {
      line: 1,
      column: 1,
    };
    const detail = fault instanceof Error ? fault.message : 'The document cannot be read.';
    return { pointer: `/query/${line}/${column}`, code: 'invalid', detail };
  });
  const first = errors[0]?.detail ?? '';
  return new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: `The document is not valid: ${first}`, errors });
}
