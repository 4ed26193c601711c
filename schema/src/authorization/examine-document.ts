import {
  type ASTNode,
  type DocumentNode,
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { reachOf, requirementOfReach } from './analyse-document.ts';
import { costOf, largestListOf } from './cost.ts';
import { contractOf, type DocumentContract } from './document-contract.ts';
import { DOCUMENT_LIMITS, findExcess, measureDocument } from './measure-document.ts';
import type { Graph } from './read-graph.ts';
import type { DocumentRequirement } from './requirements.ts';

/** A fault of a document: where in its text, at which coordinate of the graph. Lines and columns count from 1. */
export interface DocumentFault {
  readonly line: number | null;
  readonly column: number | null;
  /** `Patient.phone`, or null where the fault has no place in the graph. */
  readonly coordinate: string | null;
  readonly message: string;
}

/** What a valid document is and what it would touch; stored with it and shown to whoever approves it. */
export interface Analysis extends DocumentRequirement {
  readonly name: string;
  readonly operation: 'query' | 'mutation';
  /** `Type.field` of everything it can reach, sorted. */
  readonly coordinates: readonly string[];
  /** Classes of personal data among them, sorted: contact, health, identity. */
  readonly piiClasses: readonly string[];
  /** Subgraphs that alone own a field of it, sorted. */
  readonly subgraphs: readonly string[];
  readonly deprecated: readonly string[];
  /** With every page whose size a variable gives at its largest. */
  readonly worstCost: number;
  /** Entries of the largest list that one answer may hold, with such pages. */
  readonly worstListSize: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  /** What of the graph it rests on. */
  readonly contract: DocumentContract;
}

export type Examination =
  | { readonly kind: 'valid'; readonly analysis: Analysis }
  | { readonly kind: 'invalid'; readonly name: string | null; readonly faults: readonly DocumentFault[] };

const MAX_TOKENS = 20_000;
const MAX_FAULTS = 20;
const RULES = [...specifiedRules, NoSchemaIntrospectionCustomRule];

/** Parses, validates and measures one document against the graph. Pure; never throws on what a partner wrote. */
export function examineDocument(graph: Graph, text: string): Examination {
  const document = parseDocument(text);
  if (document instanceof GraphQLError) return invalid(null, [toFault(document)]);
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const [operation] = operations;
  const name = operation?.name?.value ?? null;
  const shape = judgeShape(operations);
  if (operation === undefined || name === null || shape !== undefined) {
    return invalid(name, [toFault(shape ?? new GraphQLError('The operation needs a name.'))]);
  }
  const errors = validate(graph.schema, document, RULES, { maxErrors: MAX_FAULTS });
  if (errors.length > 0) {
    const coordinates = locate(graph, document);
    return invalid(
      name,
      errors.map((error) => toFault(error, coordinates)),
    );
  }
  const excess = findExcess(
    { ...measureDocument(document), cost: costOf(graph.schema, graph.costModel, document, smallestPages(operation)) },
    DOCUMENT_LIMITS,
  );
  return excess.length > 0
    ? invalid(
        name,
        excess.map((message) => toFault(new GraphQLError(message))),
      )
    : { kind: 'valid', analysis: analyse(graph, document, operation, name) };
}

function analyse(graph: Graph, document: DocumentNode, operation: OperationDefinitionNode, name: string): Analysis {
  const reach = reachOf(graph.schema, document);
  const coordinates = [...reach.coordinates].sort();
  const distinct = (values: readonly (string | undefined)[]): string[] =>
    [...new Set(values.filter((value) => value !== undefined))].sort();
  return {
    ...requirementOfReach(graph.requirements, reach),
    ...measureDocument(document),
    name,
    operation: operation.operation === 'mutation' ? 'mutation' : 'query',
    coordinates,
    piiClasses: distinct(coordinates.map((one) => graph.requirements[one]?.pii)),
    // A field that several can answer (an entity's id) decides nothing.
    subgraphs: distinct(coordinates.flatMap((one) => soleOwner(graph.subgraphsOf.get(one)))),
    deprecated: coordinates.filter((one) => graph.deprecated.has(one)),
    worstCost: costOf(graph.schema, graph.costModel, document, {}),
    worstListSize: largestListOf(graph.schema, graph.costModel, document, {}),
    contract: contractOf(graph, document, coordinates),
  };
}

const soleOwner = (owners: readonly string[] = []): readonly string[] => (owners.length === 1 ? owners : []);

/** If even these pages cost too much, no request can ever be small enough. */
const smallestPages = ({ variableDefinitions = [] }: OperationDefinitionNode): Record<string, number> =>
  Object.fromEntries(variableDefinitions.map(({ variable }) => [variable.name.value, 1]));

function parseDocument(text: string): DocumentNode | GraphQLError {
  try {
    return parse(text, { maxTokens: MAX_TOKENS });
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

function judgeShape(operations: readonly OperationDefinitionNode[]): GraphQLError | undefined {
  const [first, second] = operations;
  if (first === undefined) return new GraphQLError('The document has no operation.');
  if (second !== undefined) {
    return new GraphQLError('A document holds exactly one operation; register this one on its own.', {
      nodes: [second],
    });
  }
  if (first.operation === 'subscription') {
    return new GraphQLError('Subscriptions are not served; use webhooks.', { nodes: [first] });
  }
  return first.name === undefined ? new GraphQLError('The operation needs a name.', { nodes: [first] }) : undefined;
}

/** The coordinate each node stands at: its own field's, or that of the field around it. */
function locate(graph: Graph, document: DocumentNode): ReadonlyMap<ASTNode, string> {
  const coordinates = new Map<ASTNode, string>();
  const info = new TypeInfo(graph.schema);
  const around: string[] = [];
  const visitor = {
    enter: (node: ASTNode): void => {
      if (node.kind === Kind.FIELD) around.push(`${info.getParentType()?.name ?? '?'}.${node.name.value}`);
      const place = around.at(-1);
      if (place !== undefined) coordinates.set(node, place);
    },
    leave: (node: ASTNode): void => {
      if (node.kind === Kind.FIELD) around.pop();
    },
  };
  visit(document, visitWithTypeInfo(info, visitor));
  return coordinates;
}

function toFault(error: GraphQLError, coordinates?: ReadonlyMap<ASTNode, string>): DocumentFault {
  const [place] = error.locations ?? [];
  const [node] = error.nodes ?? [];
  return {
    line: place?.line ?? null,
    column: place?.column ?? null,
    coordinate: (node && coordinates?.get(node)) ?? null,
    message: error.message,
  };
}

const invalid = (name: string | null, faults: readonly DocumentFault[]): Examination => ({
  kind: 'invalid',
  name,
  faults,
});

/** `3:5 Patient.phon: Cannot query field …` */
export function describeFault({ line, column, coordinate, message }: DocumentFault): string {
  const place = [line === null ? '' : `${line}:${column}`, coordinate ?? ''].filter((part) => part !== '').join(' ');
  return place === '' ? message : `${place}: ${message}`;
}
