import {
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  TypeInfo,
  type ValueNode,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { CostModel } from './cost.ts';
import { coordinateOf } from './requirements.ts';

/** Answers the largest number of entries that a document asks a list for, with these variables; 0 when it asks for none. */
export type LargestPage = (variables: Readonly<Record<string, unknown>>) => number;

/** Looks through a valid document once, so that a request is judged by its variables alone. */
export function findLargestPage(schema: GraphQLSchema, model: CostModel, document: DocumentNode): LargestPage {
  const sizes: ValueNode[] = [];
  const defaults: Record<string, unknown> = {};
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition({ variable, defaultValue }) {
        if (defaultValue !== undefined) defaults[variable.name.value] = valueFromASTUntyped(defaultValue);
      },
      Field(field) {
        const parent = types.getParentType();
        if (parent == null) return;
        const slicing = model.listSizes.get(coordinateOf(parent.name, field.name.value))?.slicingArguments ?? [];
        for (const { name, value } of field.arguments ?? []) if (slicing.includes(name.value)) sizes.push(value);
      },
    }),
  );
  return (variables) =>
    sizes.reduce((largest, node) => {
      const name = node.kind === Kind.VARIABLE ? node.name.value : undefined;
      const size = name === undefined ? valueFromASTUntyped(node) : (variables[name] ?? defaults[name]);
      return typeof size === 'number' ? Math.max(largest, size) : largest;
    }, 0);
}
