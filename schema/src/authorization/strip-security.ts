import { type DefinitionNode, type DirectiveNode, type DocumentNode, Kind, visit } from 'graphql';

const STRIPPED = ['requiresScopes', 'policy', 'authenticated'];

/**
 * The composed graph without the directives that @apollo/gateway refuses to load (Apollo enforces them only in its
 * licensed router). Their meaning lives on in the requirement map, which is extracted first.
 */
export function stripSecurity(supergraph: DocumentNode): DocumentNode {
  return visit(
    { ...supergraph, definitions: supergraph.definitions.filter(isKept) },
    {
      Directive: (node: DirectiveNode) => (isStripped(node) ? null : undefined),
    },
  );
}

/** Definitions of the directives and of the scalars they bring along, `requiresScopes__Scope`. */
const isKept = (definition: DefinitionNode): boolean =>
  !(
    (definition.kind === Kind.DIRECTIVE_DEFINITION && STRIPPED.includes(definition.name.value)) ||
    (definition.kind === Kind.SCALAR_TYPE_DEFINITION &&
      STRIPPED.some((name) => definition.name.value.startsWith(`${name}__`)))
  );

function isStripped(directive: DirectiveNode): boolean {
  if (STRIPPED.includes(directive.name.value)) return true;
  if (directive.name.value !== 'link') return false;
  const url = directive.arguments?.find(({ name }) => name.value === 'url')?.value;
  return url?.kind === Kind.STRING && STRIPPED.some((name) => url.value.includes(`specs.apollo.dev/${name}/`));
}
