import {
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  type OperationTypeNode,
} from 'graphql';

/** A number from 0 to below 1. */
export type Chance = () => number;

export interface RandomDocument {
  readonly text: string;
  readonly variables: Readonly<Record<string, boolean>>;
}

export interface RandomDocumentOptions {
  readonly schema: GraphQLSchema;
  readonly chance: Chance;
  /** Arguments of a field by coordinate, several to choose from; a field that needs some and has none here is left out. */
  readonly argumentsOf: Readonly<Record<string, readonly string[]>>;
  /** Coordinates that are not asked for. */
  readonly without: ReadonlySet<string>;
  readonly depth: number;
}

/** A valid document by chance: aliases, fragments on abstract types, conditions by variables, the same field twice. */
export function randomDocument(
  options: RandomDocumentOptions,
  operation: `${OperationTypeNode}` = 'query',
): RandomDocument {
  const root = operation === 'mutation' ? options.schema.getMutationType() : options.schema.getQueryType();
  const body = selections(options, root, options.depth, 1 + Math.floor(options.chance() * 3));
  const variables = { yes: options.chance() < 0.5, no: options.chance() < 0.5 };
  return {
    text: `${operation} ($yes: Boolean!, $no: Boolean!) { seen: __typename @include(if: $yes) @skip(if: $no) ${body} }`,
    variables,
  };
}

function selections(options: RandomDocumentOptions, type: unknown, depth: number, count: number): string {
  const { chance } = options;
  if (!isObjectType(type) && !isInterfaceType(type)) return fragments(options, type, depth);
  const fields = Object.values(type.getFields()).filter((one) => canBeAsked(options, type.name, one, depth));
  const parts = Array.from({ length: count }, () => {
    const field = fields[Math.floor(chance() * fields.length)];
    return field === undefined ? '__typename' : fieldText(options, type.name, field, depth);
  });
  if (isInterfaceType(type) && chance() < 0.6) parts.push(fragments(options, type, depth));
  if (chance() < 0.2 && !options.without.has(`${type.name}.__typename`)) parts.push('__typename');
  if (chance() < 0.15) parts.push(`... @include(if: $yes) { ${selections(options, type, 1, 1)} }`);
  return parts.join(' ');
}

function fragments(options: RandomDocumentOptions, type: unknown, depth: number): string {
  if (!isAbstractType(type)) return '__typename';
  const parts = options.schema
    .getPossibleTypes(type)
    .filter(() => options.chance() < 0.7)
    .map((one) => `... on ${one.name} { ${selections(options, one, depth, 2)} }`);
  return [isInterfaceType(type) ? '' : '__typename', ...parts].join(' ');
}

function canBeAsked(
  options: RandomDocumentOptions,
  type: string,
  field: GraphQLField<unknown, unknown>,
  depth: number,
): boolean {
  const coordinate = `${type}.${field.name}`;
  if (options.without.has(coordinate)) return false;
  const needsArguments = field.args.some((one) => String(one.type).endsWith('!') && one.defaultValue === undefined);
  if (needsArguments && options.argumentsOf[coordinate] === undefined) return false;
  return isLeafType(getNamedType(field.type)) || depth > 1;
}

/** One alias always stands for one field with one set of arguments, so that what meets in one key may meet. */
function fieldText(
  options: RandomDocumentOptions,
  type: string,
  field: GraphQLField<unknown, unknown>,
  depth: number,
): string {
  const { chance, argumentsOf } = options;
  const choices = argumentsOf[`${type}.${field.name}`] ?? [''];
  const choice = Math.floor(chance() * choices.length);
  const kind = isCompositeType(getNamedType(field.type)) ? 'o' : 'l';
  const alias = choices.length > 1 || chance() < 0.3 ? `${kind}${choice}_${field.name}: ` : '';
  const given = choices[choice] ?? '';
  const condition = chance() < 0.12 ? ' @include(if: $yes)' : chance() < 0.12 ? ' @skip(if: $no)' : '';
  const below = subSelection(options, field.type, depth);
  return `${alias}${field.name}${given}${condition}${below}`;
}

function subSelection(options: RandomDocumentOptions, type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  return ` { ${selections(options, named, depth - 1, 1 + Math.floor(options.chance() * 3))} }`;
}
