import type { RequirementMap } from '@bridgework/schema';
import {
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  parseConstValue,
  parseType,
  visit,
} from 'graphql';

/** A composed graph before it is read. */
export interface Composed {
  readonly supergraph: DocumentNode;
  readonly requirements: RequirementMap;
}

export type Change = (composed: Composed) => Composed;

const inType =
  (coordinate: string, edit: (field: FieldDefinitionNode) => FieldDefinitionNode | null): Change =>
  ({ supergraph, requirements }) => {
    const [type, name] = coordinate.split('.');
    let met = 0;
    const changed = visit(supergraph, {
      ObjectTypeDefinition(node) {
        if (node.name.value !== type) return undefined;
        const fields = (node.fields ?? []).flatMap((field) => {
          if (field.name.value !== name) return [field];
          met += 1;
          const edited = edit(field);
          return edited === null ? [] : [edited];
        });
        return { ...node, fields };
      },
    });
    if (met !== 1) throw new Error(`There is no ${coordinate}.`);
    return { supergraph: changed, requirements };
  };

export const removeField = (coordinate: string): Change => inType(coordinate, () => null);

export const retype = (coordinate: string, edit: (type: string) => string): Change =>
  inType(coordinate, (field) => ({ ...field, type: parseType(edit(printType(field))) }));

const printType = ({ type }: FieldDefinitionNode | InputValueDefinitionNode): string => {
  if (type.kind === Kind.NON_NULL_TYPE) return `${printType({ type: type.type } as FieldDefinitionNode)}!`;
  if (type.kind === Kind.LIST_TYPE) return `[${printType({ type: type.type } as FieldDefinitionNode)}]`;
  return type.name.value;
};

export const renameField =
  (coordinate: string, to: string): Change =>
  ({ supergraph, requirements }) => {
    const [type = ''] = coordinate.split('.');
    const renamed = inType(coordinate, (field) => ({ ...field, name: { kind: Kind.NAME, value: to } }));
    const requirement = requirements[coordinate];
    return {
      ...renamed({ supergraph, requirements }),
      requirements: requirement === undefined ? requirements : { ...requirements, [`${type}.${to}`]: requirement },
    };
  };

export const deprecate = (coordinate: string): Change =>
  inType(coordinate, (field) => ({ ...field, directives: [...(field.directives ?? []), directive('@deprecated')] }));

export const weigh = (coordinate: string, weight: number): Change =>
  inType(coordinate, (field) => ({
    ...field,
    directives: [
      ...(field.directives ?? []).filter(({ name }) => name.value !== 'cost'),
      directive(`@cost(weight: ${weight})`),
    ],
  }));

function directive(text: string) {
  const [definition] = parse(`type T { f: Int ${text} }`).definitions;
  const found = definition?.kind === Kind.OBJECT_TYPE_DEFINITION ? definition.fields?.[0]?.directives?.[0] : undefined;
  if (found === undefined) throw new Error(`${text} is no directive.`);
  return found;
}

/** Undefined leaves the argument out. */
export const editArgument = (
  coordinate: string,
  name: string,
  edit: (argument: InputValueDefinitionNode) => InputValueDefinitionNode | undefined,
): Change =>
  inType(coordinate, (field) => ({
    ...field,
    arguments: (field.arguments ?? []).flatMap((argument) => {
      const edited = argument.name.value === name ? edit(argument) : argument;
      return edited === undefined ? [] : [edited];
    }),
  }));

export const addArgument = (coordinate: string, text: string): Change =>
  inType(coordinate, (field) => ({ ...field, arguments: [...(field.arguments ?? []), inputValue(text)] }));

export const withDefault = (argument: InputValueDefinitionNode, value: string): InputValueDefinitionNode => ({
  ...argument,
  defaultValue: parseConstValue(value),
});

function inputValue(text: string): InputValueDefinitionNode {
  const [definition] = parse(`input I { ${text} }`).definitions;
  const found = definition?.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION ? definition.fields?.[0] : undefined;
  if (found === undefined) throw new Error(`${text} is no argument.`);
  return found;
}

const inInput =
  (name: string, edit: (fields: readonly InputValueDefinitionNode[]) => readonly InputValueDefinitionNode[]): Change =>
  ({ supergraph, requirements }) => ({
    supergraph: visit(supergraph, {
      InputObjectTypeDefinition: (node) =>
        node.name.value === name ? { ...node, fields: edit(node.fields ?? []) } : undefined,
    }),
    requirements,
  });

export const removeInputField = (coordinate: string): Change => {
  const [type = '', name] = coordinate.split('.');
  return inInput(type, (fields) => fields.filter((field) => field.name.value !== name));
};

export const addInputField = (type: string, text: string): Change =>
  inInput(type, (fields) => [...fields, inputValue(text)]);

export const retypeInputField = (coordinate: string, edit: (type: string) => string): Change => {
  const [type = '', name] = coordinate.split('.');
  return inInput(type, (fields) =>
    fields.map((field) => (field.name.value === name ? { ...field, type: parseType(edit(printType(field))) } : field)),
  );
};

export const editEnum =
  (name: string, edit: (values: readonly string[]) => readonly string[]): Change =>
  ({ supergraph, requirements }) => ({
    supergraph: visit(supergraph, {
      EnumTypeDefinition(node) {
        if (node.name.value !== name) return undefined;
        const values = edit((node.values ?? []).map((value) => value.name.value));
        return {
          ...node,
          values: values.map((value) => ({ kind: Kind.ENUM_VALUE_DEFINITION, name: { kind: Kind.NAME, value } })),
        };
      },
    }),
    requirements,
  });

export const addType =
  (text: string): Change =>
  ({ supergraph, requirements }) => ({
    supergraph: { ...supergraph, definitions: [...supergraph.definitions, ...parse(text).definitions] },
    requirements,
  });

export const changeRequirement =
  (coordinate: string, edit: (requirement: RequirementMap[string]) => RequirementMap[string]): Change =>
  ({ supergraph, requirements }) => {
    const requirement = requirements[coordinate];
    if (requirement === undefined) throw new Error(`Nothing is known of ${coordinate}.`);
    return { supergraph, requirements: { ...requirements, [coordinate]: edit(requirement) } };
  };
