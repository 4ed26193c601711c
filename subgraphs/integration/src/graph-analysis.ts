import {
  type ASTNode,
  type DirectiveNode,
  type DocumentNode,
  GraphQLError,
  getNamedType,
  isInputObjectType,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  specifiedRules,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { Graph } from './graph.ts';
import { weigh } from './graph-cost.ts';

/** A fault of a document: where in its text, at which coordinate of the graph. Lines and columns count from 1. */
export interface DocumentFault {
  readonly line: number | null;
  readonly column: number | null;
  /** `Patient.phone`, or null where the fault has no place in the graph. */
  readonly coordinate: string | null;
  readonly message: string;
}

/** What a valid document is and what it would touch. */
export interface Analysis {
  readonly document: DocumentNode;
  readonly name: string;
  readonly operation: OperationTypeNode;
  /** `Type.field`, `Type.field(argument:)`, `Input.field` of everything the text names, sorted. */
  readonly coordinates: readonly string[];
  /** Classes of personal data among the selected fields, sorted: contact, health, identity. */
  readonly piiClasses: readonly string[];
  /** Subgraphs that own a selected field, sorted. */
  readonly subgraphs: readonly string[];
  readonly deprecated: readonly string[];
  /** With every page at the cap of 100. */
  readonly worstCost: number;
  readonly worstListSize: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
}

export type Examination =
  | { readonly kind: 'valid'; readonly analysis: Analysis }
  | { readonly kind: 'invalid'; readonly name: string | null; readonly faults: readonly DocumentFault[] };

/** What any document may weigh; the gateway judges the cost of each request with its actual page sizes. */
export const DOCUMENT_LIMITS = { depth: 10, aliases: 30, rootFields: 10, cost: 1_000, tokens: 20_000 } as const;
const MAX_PAGE = 100;
const RULES = [...specifiedRules, NoSchemaIntrospectionCustomRule];

/** Parses, validates and measures one document against the graph. Pure; never throws on what a partner wrote. */
export function examine(graph: Graph, text: string): Examination {
  const document = parseDocument(text);
  if (document instanceof GraphQLError) return { kind: 'invalid', name: null, faults: [toFault(document, null)] };
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const [operation] = operations;
  const name = operation?.name?.value ?? null;
  const shape = judgeShape(operations);
  if (operation === undefined || name === null || shape !== undefined) {
    return { kind: 'invalid', name, faults: [toFault(shape ?? new GraphQLError('There is no operation.'), null)] };
  }
  const places = locate(graph, document);
  const errors = validate(graph.schema, document, RULES, { maxErrors: 20 });
  if (errors.length > 0) {
    const faults = errors.map((error) => toFault(error, places.coordinateOf.get(error.nodes?.[0] as ASTNode) ?? null));
    return { kind: 'invalid', name, faults };
  }
  const analysis = measure(graph, document, operation, name, places);
  const tooLarge = judgeSize(graph, analysis, operation);
  return tooLarge.length > 0 ? { kind: 'invalid', name, faults: tooLarge } : { kind: 'valid', analysis };
}

function parseDocument(text: string): DocumentNode | GraphQLError {
  try {
    return parse(text, { maxTokens: DOCUMENT_LIMITS.tokens });
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

function judgeShape(operations: readonly OperationDefinitionNode[]): GraphQLError | undefined {
  const [first, second] = operations;
  if (first === undefined) return new GraphQLError('The document has no operation.');
  if (second !== undefined) {
    return new GraphQLError('A document holds exactly one operation; register the second on its own.', {
      nodes: [second],
    });
  }
  if (first.operation === 'subscription') {
    return new GraphQLError('Subscriptions are not served; use webhooks.', { nodes: [first] });
  }
  return first.name === undefined ? new GraphQLError('The operation needs a name.', { nodes: [first] }) : undefined;
}

interface Places {
  /** The coordinate a node stands at: its own field's, or that of the field around it. */
  readonly coordinateOf: ReadonlyMap<ASTNode, string>;
  readonly used: ReadonlySet<string>;
  readonly piiClasses: ReadonlySet<string>;
  readonly deprecated: ReadonlySet<string>;
}

function locate(graph: Graph, document: DocumentNode): Places {
  const coordinateOf = new Map<ASTNode, string>();
  const [used, piiClasses, deprecated] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const info = new TypeInfo(graph.schema);
  const around: string[] = [];
  const enter = (node: ASTNode): void => {
    if (node.kind === Kind.FIELD) {
      const coordinate = `${info.getParentType()?.name ?? '?'}.${node.name.value}`;
      around.push(coordinate);
      const field = info.getFieldDef();
      if (field && !node.name.value.startsWith('__')) {
        used.add(coordinate);
        const pii = piiClassOf(field.astNode?.directives ?? []);
        if (pii !== undefined) piiClasses.add(pii);
        if (field.deprecationReason != null) deprecated.add(coordinate);
      }
    }
    const place = around.at(-1);
    if (place === undefined) return;
    coordinateOf.set(node, place);
    if (node.kind === Kind.ARGUMENT && info.getArgument()) used.add(`${place}(${node.name.value}:)`);
    if (node.kind === Kind.OBJECT_FIELD) {
      const input = getNamedType(info.getParentInputType());
      if (isInputObjectType(input)) used.add(`${input.name}.${node.name.value}`);
    }
  };
  const leave = (node: ASTNode): void => {
    if (node.kind === Kind.FIELD) around.pop();
  };
  visit(document, visitWithTypeInfo(info, { enter, leave }));
  return { coordinateOf, used, piiClasses, deprecated };
}

function piiClassOf(directives: readonly DirectiveNode[]): string | undefined {
  const value = directives.find((one) => one.name.value === 'pii')?.arguments?.[0]?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

function measure(
  graph: Graph,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  name: string,
  places: Places,
): Analysis {
  const worst = weigh(graph.schema, document, operation, MAX_PAGE);
  const root = graph.schema.getRootType(operation.operation);
  const coordinates = [...places.used].sort();
  let aliases = 0;
  visit(document, {
    Field: (node) => {
      if (node.alias !== undefined) aliases += 1;
    },
  });
  return {
    document,
    name,
    operation: operation.operation,
    coordinates,
    piiClasses: [...places.piiClasses].sort(),
    // A field that several can answer (an entity's id) decides nothing.
    subgraphs: [...new Set(coordinates.flatMap((one) => soleOwner(graph.subgraphsOf.get(one))))].sort(),
    deprecated: [...places.deprecated].sort(),
    worstCost: worst.cost,
    worstListSize: worst.listSize,
    depth: worst.depth,
    aliases,
    rootFields: coordinates.filter((one) => one.startsWith(`${root?.name}.`) && !one.includes('(')).length,
  };
}

const soleOwner = (owners: readonly string[] = []): readonly string[] => (owners.length === 1 ? owners : []);

function judgeSize(graph: Graph, analysis: Analysis, operation: OperationDefinitionNode): DocumentFault[] {
  const cheapest = weigh(graph.schema, analysis.document, operation, 1).cost;
  const measured = [
    ['depth', analysis.depth, DOCUMENT_LIMITS.depth],
    ['aliases', analysis.aliases, DOCUMENT_LIMITS.aliases],
    ['root fields', analysis.rootFields, DOCUMENT_LIMITS.rootFields],
    ['cost with the smallest pages', cheapest, DOCUMENT_LIMITS.cost],
  ] as const;
  return measured
    .filter(([, size, limit]) => size > limit)
    .map(([what, size, limit]) => ({
      line: null,
      column: null,
      coordinate: null,
      message: `The document's ${what} is ${size}; the limit is ${limit}.`,
    }));
}

function toFault(error: GraphQLError, coordinate: string | null): DocumentFault {
  const [place] = error.locations ?? [];
  return { line: place?.line ?? null, column: place?.column ?? null, coordinate, message: error.message };
}
