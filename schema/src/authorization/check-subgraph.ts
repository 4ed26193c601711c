import {
  type ConstDirectiveNode,
  type ConstValueNode,
  type DocumentNode,
  Kind,
  type ObjectTypeDefinitionNode,
} from 'graphql';

const SECURITY_SPECS = ['specs.apollo.dev/federation/', '/specs/access/'];

/**
 * What composition lets pass but this product does not, one sentence each: a security directive under another name (the
 * shield and the reviewer look for the real one), and `@requires` of a field with arguments (the gateway answers it
 * wrongly, without an error).
 */
export function findSubgraphFaults(subgraph: string, document: DocumentNode): string[] {
  const faults: string[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.SCHEMA_EXTENSION || definition.kind === Kind.SCHEMA_DEFINITION) {
      for (const directive of definition.directives ?? []) faults.push(...findRenamedImports(subgraph, directive));
    }
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.OBJECT_TYPE_EXTENSION) {
      for (const field of definition.fields ?? []) {
        const requires = field.directives?.find(({ name }) => name.value === 'requires');
        if (
          requires !== undefined &&
          JSON.stringify(requires.arguments?.map(({ value }) => textOf(value))).includes('(')
        ) {
          faults.push(`${subgraph}: ${definition.name.value}.${field.name.value} requires a field with arguments.`);
        }
      }
    }
  }
  return faults;
}

function findRenamedImports(subgraph: string, link: ConstDirectiveNode): string[] {
  if (link.name.value !== 'link') return [];
  const argument = (name: string) => link.arguments?.find((one) => one.name.value === name)?.value;
  const url = textOf(argument('url'));
  if (!SECURITY_SPECS.some((spec) => url.includes(spec))) return [];
  const imports = argument('import');
  const renamed = imports?.kind === Kind.LIST ? imports.values.filter(({ kind }) => kind !== Kind.STRING) : [];
  return [
    ...(argument('as') === undefined ? [] : [`${subgraph}: ${url} is linked under another name.`]),
    ...(renamed.length === 0 ? [] : [`${subgraph}: ${url} is imported with renamed directives.`]),
  ];
}

const textOf = (value: ConstValueNode | undefined): string => (value?.kind === Kind.STRING ? value.value : '');

/**
 * Key fields that are not `@public`. The gateway fetches keys that a document did not ask for; a caller who may run the
 * document must not be refused for them.
 */
export function findGuardedKeys(supergraph: DocumentNode, isPublic: (coordinate: string) => boolean): string[] {
  return supergraph.definitions
    .filter((definition): definition is ObjectTypeDefinitionNode => definition.kind === Kind.OBJECT_TYPE_DEFINITION)
    .flatMap((type) => keysOf(type).map((key) => `${type.name.value}.${key}`))
    .filter((coordinate) => !isPublic(coordinate))
    .map((coordinate) => `${coordinate} is a key and must be @public.`);
}

const keysOf = (type: ObjectTypeDefinitionNode): string[] => [
  ...new Set(
    (type.directives ?? [])
      .filter(({ name }) => name.value === 'join__type')
      .map(({ arguments: given }) => textOf(given?.find(({ name }) => name.value === 'key')?.value))
      .flatMap((key) => key.split(/\s+/))
      .filter((key) => key !== ''),
  ),
];
