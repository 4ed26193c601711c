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
import { type CostModel, costOf } from './cost.ts';
import { coordinateOf } from './requirements.ts';

type Variables = Readonly<Record<string, unknown>>;

/** How much a request asks for, by its variables. */
export interface RequestMeasures {
  /** {@link costOf} the document. */
  cost(variables: Variables): number;
  /** The largest number of entries that a list is asked for; 0 when the document asks for none. */
  largestPage(variables: Variables): number;
}

/** A page has at most a hundred entries; whoever asks for other numbers than that is refused anyway. */
const MAX_KNOWN = 256;

/**
 * Looks through a valid document once, so that a request is judged by its variables alone: only those that say how long
 * a list is decide what it costs, and they have few values.
 */
export function measureRequests(schema: GraphQLSchema, model: CostModel, document: DocumentNode): RequestMeasures {
  const { sizes, defaults } = findSizes(schema, model, document);
  const sizeOf = (node: ValueNode, variables: Variables): unknown =>
    node.kind === Kind.VARIABLE ? (variables[node.name.value] ?? defaults[node.name.value]) : valueFromASTUntyped(node);
  const names = [...new Set(sizes.flatMap((node) => (node.kind === Kind.VARIABLE ? [node.name.value] : [])))];
  const known = new Map<string, number>();
  return {
    cost(variables) {
      const key = keyOf(names, variables);
      const earlier = known.get(key);
      if (earlier !== undefined) return earlier;
      const cost = costOf(schema, model, document, variables);
      if (known.size < MAX_KNOWN) known.set(key, cost);
      return cost;
    },
    largestPage: (variables) =>
      sizes.reduce((largest, node) => {
        const size = sizeOf(node, variables);
        return typeof size === 'number' ? Math.max(largest, size) : largest;
      }, 0),
  };
}

/** A variable that was not given, one that is null, and one that is no number at all are three different things. */
function keyOf(names: readonly string[], variables: Variables): string {
  let key = '';
  for (const name of names) {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    key += typeof value === 'number' ? `${value} ` : `${value === null ? 'null' : typeof value} `;
  }
  return key;
}

function findSizes(schema: GraphQLSchema, model: CostModel, document: DocumentNode) {
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
  return { sizes, defaults };
}
