import { createHash } from 'node:crypto';
import { readContract } from '@bridgework/kernel/contract-files';
import {
  buildASTSchema,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DirectiveNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  Kind,
  parse,
  visit,
} from 'graphql';

/** The graph as partners see it, with what federation and our own directives say about its fields. */
export interface Graph {
  /** The API schema: no federation machinery, nothing inaccessible. */
  readonly schema: GraphQLSchema;
  /** `sha256:<64 hex>` of the supergraph's text; an analysis is as good as the graph it was made with. */
  readonly supergraphHash: string;
  /** Which subgraphs can answer a field; keyed by coordinate `Patient.balances`, lower-case names. */
  readonly subgraphsOf: ReadonlyMap<string, readonly string[]>;
}

let loaded: Graph | undefined;

/** The committed supergraph; read once, it belongs to the build. */
export function currentGraph(): Graph {
  loaded ??= readGraph(readContract('supergraph.graphql'));
  return loaded;
}

/** Throws a GraphQL syntax error when the text is no SDL. */
export function readGraph(supergraph: string): Graph {
  const document = parse(supergraph, { noLocation: true });
  const visible = visit(document, {
    enter: (node) =>
      'name' in node && isMachinery(node) ? null : hasDirective(node, 'inaccessible') ? null : undefined,
  });
  return {
    schema: buildASTSchema(visible, { assumeValidSDL: true }),
    supergraphHash: `sha256:${createHash('sha256').update(supergraph, 'utf8').digest('hex')}`,
    subgraphsOf: readOwners(document.definitions),
  };
}

/** `join__…` and `link__…`: what composition wrote for the query planner. */
function isMachinery(node: { readonly kind: Kind; readonly name?: { readonly value: string } | undefined }): boolean {
  const name = node.name?.value ?? '';
  const defines = node.kind.endsWith('Definition') || node.kind === Kind.DIRECTIVE;
  return defines && (/^(join|link|core)__/.test(name) || ['link', 'core', 'inaccessible'].includes(name));
}

function hasDirective(node: object, name: string): boolean {
  const directives = 'directives' in node ? (node.directives as readonly ConstDirectiveNode[] | undefined) : undefined;
  return directives?.some((directive) => directive.name.value === name) ?? false;
}

function readOwners(definitions: readonly DefinitionNode[]): Map<string, readonly string[]> {
  const owners = new Map<string, readonly string[]>();
  for (const type of definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION && type.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const everyone = graphsIn(type.directives ?? [], 'join__type');
    for (const field of type.fields ?? []) {
      owners.set(`${type.name.value}.${field.name.value}`, ownersOf(field) ?? everyone);
    }
  }
  return owners;
}

/** A field without @join__field belongs to every subgraph of its type; one marked external only refers to another's. */
function ownersOf(field: FieldDefinitionNode): readonly string[] | undefined {
  const joins = (field.directives ?? []).filter((directive) => directive.name.value === 'join__field');
  const own = joins.filter((join) => join.arguments?.every((argument) => argument.name.value !== 'external') ?? true);
  return joins.length === 0 ? undefined : graphsIn(own, 'join__field');
}

function graphsIn(directives: readonly DirectiveNode[], name: string): readonly string[] {
  return directives
    .filter((directive) => directive.name.value === name)
    .flatMap((directive) => directive.arguments ?? [])
    .flatMap(({ name: argument, value }) =>
      argument.value === 'graph' && value.kind === Kind.ENUM ? [value.value.toLowerCase()] : [],
    );
}
