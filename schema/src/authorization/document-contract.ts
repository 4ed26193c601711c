import { createHash } from 'node:crypto';
import {
  type DocumentNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInputType,
  isLeafType,
  isObjectType,
  TypeInfo,
  typeFromAST,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { DOCUMENT_LIMITS } from './measure-document.ts';
import type { Graph } from './read-graph.ts';
import { coordinateOf } from './requirements.ts';

/**
 * What of the graph a document rests on, as it was when it was approved. It is kept with the document, so that a later
 * graph can be judged without the earlier one. All keys and lists are sorted.
 */
export interface DocumentContract {
  /** The type of every field it reaches: `Patient.phone` → `String`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Defaults of the arguments that it leaves out: `Query.items(first:)` → `10`. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Fields of the input objects that its variables fill: `ItemFilter.sku` → `String = "A"`. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Values of the enums it may be answered with. */
  readonly answeredEnums: Readonly<Record<string, readonly string[]>>;
  /** Values of the enums it may send in variables. */
  readonly sentEnums: Readonly<Record<string, readonly string[]>>;
  /** Object types behind the interfaces and unions it reads. */
  readonly possibleTypes: Readonly<Record<string, readonly string[]>>;
  /** Every type besides those of `fields` on which its validity rests: of arguments, variables and conditions. */
  readonly types: readonly string[];
  /** Of all of the above and of what the fields require and cost: the same fingerprint means that nothing has changed. */
  readonly fingerprint: string;
}

/** The document must be valid against the graph; `fields` is all that it reaches, sorted. */
export function contractOf(graph: Graph, document: DocumentNode, fields: readonly string[]): DocumentContract {
  const { schema } = graph;
  const outputs = new Set(fields.map((coordinate) => getNamedType(fieldAt(schema, coordinate)?.type)?.name ?? ''));
  const given = argumentsGiven(schema, document);
  const defaults: [string, string][] = [];
  const accepted = new Set<string>();
  for (const coordinate of fields) {
    for (const argument of fieldAt(schema, coordinate)?.args ?? []) {
      const place = `${coordinate}(${argument.name}:)`;
      if (!given.has(place) && argument.defaultValue !== undefined) defaults.push([place, printDefault(argument)]);
      collectInputs(argument.type, accepted);
    }
  }
  const sent = typesOfVariables(schema, document);
  const conditions = typeConditions(document);
  const abstract = [...outputs, ...conditions].filter((name) => isAbstractType(schema.getType(name)));
  const types = sorted([...outputs, ...accepted, ...sent, ...conditions].filter((name) => !isPlain(schema, name)));
  const namesOf = (names: Iterable<string>, is: (type: unknown) => boolean): string[] =>
    sorted([...names].filter((name) => is(schema.getType(name))));
  return {
    fields: Object.fromEntries(fields.map((one) => [one, String(fieldAt(schema, one)?.type)])),
    defaults: Object.fromEntries(defaults.sort()),
    inputs: Object.fromEntries(namesOf(sent, isInputObjectType).flatMap((name) => inputFieldsOf(schema, name))),
    answeredEnums: Object.fromEntries(namesOf(outputs, isEnumType).map((name) => [name, membersOf(schema, name)])),
    sentEnums: Object.fromEntries(namesOf(sent, isEnumType).map((name) => [name, membersOf(schema, name)])),
    possibleTypes: Object.fromEntries(sorted(abstract).map((name) => [name, membersOf(schema, name)])),
    types,
    fingerprint: fingerprintOf(graph, fields, types),
  };
}

/** Scalars and object types say nothing beyond the fields that are used of them. */
const isPlain = (schema: GraphQLSchema, name: string): boolean => {
  const type = schema.getType(name);
  return type === undefined || isObjectType(type) || (isLeafType(type) && !isEnumType(type));
};

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

function fieldAt(schema: GraphQLSchema, coordinate: string): GraphQLField<unknown, unknown> | undefined {
  const [parent = '', name = ''] = coordinate.split('.');
  const type = schema.getType(parent);
  return isObjectType(type) ? type.getFields()[name] : undefined;
}

/** `Type.field(argument:)` of all that the document gives, for every object type a field may stand on. */
function argumentsGiven(schema: GraphQLSchema, document: DocumentNode): Set<string> {
  const given = new Set<string>();
  const info = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(info, {
      Field(node) {
        const parent = info.getParentType();
        if (!parent) return;
        const types = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent];
        for (const { name: type } of types) {
          for (const { name } of node.arguments ?? []) {
            given.add(`${coordinateOf(type, node.name.value)}(${name.value}:)`);
          }
        }
      },
    }),
  );
  return given;
}

function typesOfVariables(schema: GraphQLSchema, document: DocumentNode): Set<string> {
  const names = new Set<string>();
  visit(document, {
    VariableDefinition({ type: node }) {
      const type = typeFromAST(schema, node);
      if (isInputType(type)) collectInputs(type, names);
    },
  });
  return names;
}

/** The named type and, of an input object, those of its fields; input objects may contain each other. */
function collectInputs(type: GraphQLInputType, names: Set<string>): void {
  const named = getNamedType(type);
  if (names.has(named.name)) return;
  names.add(named.name);
  if (!isInputObjectType(named)) return;
  for (const field of Object.values(named.getFields())) collectInputs(field.type, names);
}

function typeConditions(document: DocumentNode): Set<string> {
  const names = new Set<string>();
  visit(document, {
    InlineFragment({ typeCondition }) {
      if (typeCondition) names.add(typeCondition.name.value);
    },
    FragmentDefinition({ typeCondition }) {
      names.add(typeCondition.name.value);
    },
  });
  return names;
}

function inputFieldsOf(schema: GraphQLSchema, name: string): [string, string][] {
  const type = schema.getType(name);
  if (!isInputObjectType(type)) return [];
  return Object.values(type.getFields())
    .map((field): [string, string] => [coordinateOf(name, field.name), describeInput(field)])
    .sort();
}

const describeInput = (field: GraphQLInputField): string =>
  field.defaultValue === undefined ? String(field.type) : `${field.type} = ${printDefault(field)}`;

const printDefault = ({ defaultValue }: GraphQLArgument | GraphQLInputField): string => JSON.stringify(defaultValue);

/** Of an enum its values, of an interface or union its object types. */
function membersOf(schema: GraphQLSchema, name: string): string[] {
  const type = schema.getType(name);
  if (isEnumType(type)) return sorted(type.getValues().map((value) => value.name));
  return isAbstractType(type) ? sorted(schema.getPossibleTypes(type).map((one) => one.name)) : [];
}

const signatures = new WeakMap<Graph, Map<string, string>>();

/** Cheap: a thousand documents share most of their coordinates, and each is described once per graph. */
export function fingerprintOf(graph: Graph, fields: readonly string[], types: readonly string[]): string {
  const known = signatures.get(graph) ?? new Map<string, string>();
  signatures.set(graph, known);
  const hash = createHash('sha256').update(JSON.stringify(DOCUMENT_LIMITS));
  const add = (name: string, describe: () => string): void => {
    const signature = known.get(name) ?? describe();
    known.set(name, signature);
    hash.update(`\n${name} ${signature}`);
  };
  for (const coordinate of fields) add(coordinate, () => describeField(graph, coordinate));
  for (const name of types) add(name, () => describeType(graph.schema, name));
  return hash.digest('hex');
}

function describeField({ schema, requirements, costModel }: Graph, coordinate: string): string {
  const field = fieldAt(schema, coordinate);
  if (field === undefined) return 'gone';
  const returned = getNamedType(field.type).name;
  return JSON.stringify([
    String(field.type),
    field.args.map((argument) => `${argument.name}: ${argument.type} = ${printDefault(argument)}`).sort(),
    Object.hasOwn(requirements, coordinate) ? requirements[coordinate] : null,
    costModel.weights.get(coordinate) ?? costModel.typeWeights.get(returned) ?? null,
    costModel.listSizes.get(coordinate) ?? null,
  ]);
}

function describeType(schema: GraphQLSchema, name: string): string {
  const type = schema.getType(name);
  if (type === undefined) return 'gone';
  return JSON.stringify(isInputObjectType(type) ? inputFieldsOf(schema, name) : membersOf(schema, name));
}
