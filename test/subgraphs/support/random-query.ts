import {
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isUnionType,
} from 'graphql';
import type { Random } from '../../support/random.ts';

export interface RandomQuery {
  readonly text: string;
  readonly variables: Record<string, unknown>;
}

/** A thing that fits no input type but those of {@link oddValue}. */
const ODD_VALUES: readonly unknown[] = [null, 'no such value', 1.5, -7, true, [], {}, [null], { unknown: 1 }];
const CONDITIONS = ['yes', 'no', 'maybe'] as const;

/**
 * A valid query by chance over a subgraph's schema, entities included: aliases, the same field twice, inline and named
 * fragments, conditions, arguments as literals and as variables. Variables sometimes do not fit their types.
 */
export function randomQuery(schema: GraphQLSchema, random: Random): RandomQuery {
  const writing = new Writing(schema, random);
  const root = schema.getQueryType();
  if (!root) throw new Error('The schema has no queries.');
  const body = `${writing.selections(root, 5)} ${writing.entities()}`;
  const all = `{ __typename @include(if: $yes) @skip(if: $no) ${body} } ${writing.fragments.join(' ')}`;
  const conditions = CONDITIONS.filter((name) => all.includes(`$${name})`)).map(conditionDefinition);
  const variables = { ...writing.variables, yes: random.chance(0.7), no: random.chance(0.3) };
  return {
    text: `query Random(${[...conditions, ...writing.definitions].join(', ')}) ${all}`,
    variables: random.chance(0.2) ? { ...variables, maybe: random.chance(0.5) } : variables,
  };
}

const conditionDefinition = (name: string): string =>
  name === 'maybe' ? '$maybe: Boolean! = true' : `$${name}: Boolean!`;

class Writing {
  readonly schema: GraphQLSchema;
  readonly random: Random;
  readonly definitions: string[] = [];
  readonly variables: Record<string, unknown> = {};
  readonly fragments: string[] = [];
  serial = 0;

  constructor(schema: GraphQLSchema, random: Random) {
    this.schema = schema;
    this.random = random;
  }

  entities(): string {
    const { schema, random } = this;
    const union = schema.getType('_Entity');
    if (!isUnionType(union) || random.chance(0.4)) return '';
    const types = union.getTypes();
    const representations = Array.from({ length: random.int(0, 4) }, (_, at) => ({
      __typename: random.chance(0.02) ? 'NoSuchType' : random.pick(types).name,
      id: `id_${at}_${random.int(0, 9)}`,
    }));
    this.variables.representations = random.chance(0.03) ? null : representations;
    this.definitions.push('$representations: [_Any!]!');
    return `_entities(representations: $representations) { ${this.selections(union, 4)} }`;
  }

  selections(type: GraphQLCompositeType, depth: number): string {
    const { random, schema } = this;
    if (isUnionType(type)) {
      const parts = schema
        .getPossibleTypes(type)
        .filter(() => random.chance(0.7))
        .map((one) => this.fragment(one, depth));
      return ['__typename', ...parts].join(' ');
    }
    const fields = Object.values(type.getFields()).filter(
      ({ name, type: of }) => !name.startsWith('_') && (depth > 1 || isLeafType(getNamedType(of))),
    );
    if (fields.length === 0) return '__typename';
    const parts = Array.from({ length: random.int(1, 4) }, () =>
      random.chance(0.12) ? this.fragment(type, Math.min(depth, 2)) : this.field(random.pick(fields), depth),
    );
    if (random.chance(0.15)) parts.push('__typename');
    return parts.join(' ');
  }

  fragment(type: GraphQLCompositeType, depth: number): string {
    const condition = this.condition();
    const body = `{ ${this.selections(type, depth)} }`;
    if (this.random.chance(0.6)) return `... on ${type.name}${condition} ${body}`;
    this.serial += 1;
    const name = `F${this.serial}`;
    this.fragments.push(`fragment ${name} on ${type.name} ${body}`);
    return `...${name}${condition}${this.random.chance(0.3) ? ` ...${name}` : ''}`;
  }

  /** What has arguments has an alias of its own: two of one name would have to agree. */
  field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const { random } = this;
    this.serial += 1;
    const args = field.args.flatMap((one) => this.argument(one));
    const alias = args.length > 0 || random.chance(0.3) ? `a${this.serial}: ` : '';
    const given = args.length === 0 ? '' : `(${args.join(', ')})`;
    const named = getNamedType(field.type);
    const below = isCompositeType(named) ? ` { ${this.selections(named, depth - 1)} }` : '';
    return `${alias}${field.name}${given}${this.condition()}${below}`;
  }

  condition(): string {
    const { random } = this;
    if (random.chance(0.85)) return '';
    const truth = random.chance(0.2) ? String(random.chance(0.5)) : `$${random.pick(CONDITIONS)}`;
    return random.chance(0.5) ? ` @include(if: ${truth})` : ` @skip(if: ${truth})`;
  }

  argument({ name, type, defaultValue }: GraphQLArgument): readonly string[] {
    const { random } = this;
    if ((!isNonNullType(type) || defaultValue !== undefined) && random.chance(0.4)) return [];
    if (random.chance(0.4)) return [`${name}: ${this.literal(type)}`];
    return [`${name}: ${this.variable(type)}`];
  }

  variable(type: GraphQLInputType): string {
    const { random } = this;
    this.serial += 1;
    const name = `v${this.serial}`;
    const isDefaulted = isLeafType(type) && random.chance(0.2);
    this.definitions.push(`$${name}: ${type}${isDefaulted ? ` = ${this.literal(type)}` : ''}`);
    if (random.chance(0.03)) this.variables[name] = random.pick(ODD_VALUES);
    else if (isNonNullType(type) ? !random.chance(0.02) : random.chance(0.8)) this.variables[name] = this.value(type);
    return `$${name}`;
  }

  literal(type: GraphQLInputType): string {
    if (isNonNullType(type)) return this.literal(type.ofType);
    if (isListType(type)) return `[${this.literal(type.ofType)}]`;
    if (isEnumType(type)) return this.random.pick(type.getValues()).name;
    if (!isInputObjectType(type)) return JSON.stringify(this.leaf(type));
    const fields = Object.values(type.getFields()).filter(
      ({ type: of }) => isNonNullType(of) || this.random.chance(0.4),
    );
    return `{ ${fields
      .map(({ name, type: of }) => {
        const isVariable = this.random.chance(0.3) && !isNonNullType(of);
        return `${name}: ${isVariable ? this.variable(of) : this.literal(of)}`;
      })
      .join(', ')} }`;
  }

  value(type: GraphQLInputType): unknown {
    const { random } = this;
    if (isNonNullType(type)) return this.value(type.ofType);
    if (random.chance(0.01)) return random.pick(ODD_VALUES);
    if (isListType(type)) return Array.from({ length: random.int(0, 2) }, () => this.value(type.ofType));
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(({ type: of }) => isNonNullType(of) || random.chance(0.5));
      return Object.fromEntries(fields.map((field) => [field.name, this.value(field.type)]));
    }
    return this.leaf(type);
  }

  leaf(type: GraphQLInputType): unknown {
    const { random } = this;
    switch (getNamedType(type).name) {
      case 'Int':
      case 'SafeInt':
        return random.int(1, 100);
      case 'Boolean':
        return random.chance(0.5);
      case 'DateTime':
        return '2026-03-01T08:30:00.000Z';
      case 'Date':
        return '2026-03-01';
      case 'Scope':
        return 'read:visits';
      case 'EventType':
        return 'visit.completed';
      default:
        return `text ${random.int(0, 9)}`;
    }
  }
}
