import { createHash } from 'node:crypto';
import {
  type ASTNode,
  buildASTSchema,
  type DefinitionNode,
  type DirectiveNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  Kind,
  parse,
  visit,
} from 'graphql';
import { type CostModel, readCostModel } from './cost.ts';
import { coordinateOf, type RequirementMap } from './requirements.ts';

/** The graph as partners see it, with what federation and our own directives say about its fields. */
export interface Graph {
  /** The API schema: no federation machinery, nothing inaccessible. */
  readonly schema: GraphQLSchema;
  readonly requirements: RequirementMap;
  readonly costModel: CostModel;
  /** Hex SHA-256 of the supergraph's text; an analysis is as good as the graph it was made with. */
  readonly supergraphSha256: string;
  /** Which subgraphs can answer a field; keyed by coordinate `Patient.balances`, lower-case names. */
  readonly subgraphsOf: ReadonlyMap<string, readonly string[]>;
  readonly deprecated: ReadonlySet<string>;
}

/** Reads a composed supergraph. Throws a GraphQL syntax error when the text is no SDL. */
export function readGraph(supergraph: string, requirements: RequirementMap): Graph {
  const document = parse(supergraph, { noLocation: true });
  const visible = visit(document, {
    enter: (node) => (isMachinery(node) || hasDirective(node, 'inaccessible') ? null : undefined),
  });
  return {
    schema: buildASTSchema(visible, { assumeValidSDL: true }),
    requirements,
    costModel: readCostModel(document),
    supergraphSha256: createHash('sha256').update(supergraph, 'utf8').digest('hex'),
    ...readFields(document.definitions),
  };
}

/** `join__…` and `link__…`: what composition wrote for the query planner. */
function isMachinery(node: ASTNode): boolean {
  if (!node.kind.endsWith('Definition') && node.kind !== Kind.DIRECTIVE) return false;
  const name = 'name' in node ? (node.name?.value ?? '') : '';
  return /^(join|link)__/.test(name) || name === 'link' || name === 'inaccessible';
}

function hasDirective(node: ASTNode, name: string): boolean {
  return 'directives' in node && (node.directives?.some((directive) => directive.name.value === name) ?? false);
}

function readFields(definitions: readonly DefinitionNode[]): Pick<Graph, 'subgraphsOf' | 'deprecated'> {
  const subgraphsOf = new Map<string, readonly string[]>();
  const deprecated = new Set<string>();
  for (const type of definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION && type.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const everyone = graphsIn(type.directives ?? [], 'join__type');
    for (const field of type.fields ?? []) {
      const coordinate = coordinateOf(type.name.value, field.name.value);
      subgraphsOf.set(coordinate, ownersOf(field) ?? everyone);
      if (hasDirective(field, 'deprecated')) deprecated.add(coordinate);
    }
  }
  return { subgraphsOf, deprecated };
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
