import { type DirectiveNode, type DocumentNode, Kind, visit } from 'graphql';

/**
 * A supergraph as the planner should read it. Of several keys that one subgraph has on a type, those that it cannot be
 * entered by say nothing that the others do not; the planner would take one of them to come back for a `@requires`, and
 * the subgraph would not know the entity.
 */
export function forPlanner(supergraph: DocumentNode): DocumentNode {
  return visit(supergraph, {
    ObjectTypeDefinition: (type) => ({ ...type, directives: withoutIdleKeys(type.directives ?? []) }),
    InterfaceTypeDefinition: (type) => ({ ...type, directives: withoutIdleKeys(type.directives ?? []) }),
  });
}

function withoutIdleKeys(directives: readonly DirectiveNode[]): readonly DirectiveNode[] {
  const entered = new Set(directives.filter((one) => isKey(one) && isResolvable(one)).map(graphOf));
  return directives.filter((one) => !isKey(one) || isResolvable(one) || !entered.has(graphOf(one)));
}

const argumentOf = (directive: DirectiveNode, name: string) =>
  directive.arguments?.find((one) => one.name.value === name)?.value;

const isKey = (directive: DirectiveNode): boolean =>
  directive.name.value === 'join__type' && argumentOf(directive, 'key') !== undefined;

function isResolvable(directive: DirectiveNode): boolean {
  const given = argumentOf(directive, 'resolvable');
  return given?.kind !== Kind.BOOLEAN || given.value;
}

function graphOf(directive: DirectiveNode): string | undefined {
  const graph = argumentOf(directive, 'graph');
  return graph?.kind === Kind.ENUM ? graph.value : undefined;
}
