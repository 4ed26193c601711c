import type { Context } from '@bridgework/kernel/context';
import {
  type ExecutionResult,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { compileQuery as compile, isCompiledQuery } from 'graphql-jit';
import { hoistArguments, type Variables, variable } from './hoist-arguments.ts';

/** Runs a query with the variables it was given. */
export type RunCompiled = (ctx: Context) => ExecutionResult | Promise<ExecutionResult>;

/** Takes coerced variables; undefined when graphql-js would report an argument, and shall. */
export type CompiledQuery = (coerced: Variables) => RunCompiled | undefined;

/** Federation's scalar that takes any value as it is. */
const AS_IT_IS = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: '_Any' } } as const;

/**
 * Compiles what a query selects, without conditions and named fragments, to code that reads its fields directly.
 * Undefined when it holds what graphql-jit compiles wrongly or not at all; graphql-js runs it then.
 */
export function compileQuery(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  selectionSet: SelectionSetNode,
): CompiledQuery | undefined {
  const root = schema.getQueryType();
  if (!root || schema.getType(AS_IT_IS.name.value) === undefined || hasProtoKey(selectionSet)) return undefined;
  const hoisted = hoistArguments(schema, root, selectionSet);
  if (hoisted === undefined) return undefined;
  const variableDefinitions = hoisted.names.map(
    (name) => ({ kind: Kind.VARIABLE_DEFINITION, variable: variable(name), type: AS_IT_IS }) as const,
  );
  const definition = { ...operation, selectionSet: hoisted.selectionSet, variableDefinitions };
  const compiled = compile(schema, { kind: Kind.DOCUMENT, definitions: [definition] }, operation.name?.value, {
    disablingCapturingStackErrors: true,
  });
  if (!isCompiledQuery(compiled)) return undefined;
  const run: (root: unknown, ctx: unknown, variables: Variables) => ExecutionResult | Promise<ExecutionResult> =
    compiled.query;
  return (coerced) => {
    const values = read(hoisted, coerced);
    return values && ((ctx) => run(undefined, ctx, values));
  };
}

function read({ read: readArguments }: { read(coerced: Variables): Variables }, coerced: Variables) {
  try {
    return readArguments(coerced);
  } catch {
    return undefined;
  }
}

/** A key of this name in an object literal is not a key. */
const hasProtoKey = ({ selections }: SelectionSetNode): boolean =>
  selections.some((one) => {
    if (one.kind === Kind.FIELD && (one.alias ?? one.name).value === '__proto__') return true;
    return one.kind !== Kind.FRAGMENT_SPREAD && one.selectionSet !== undefined && hasProtoKey(one.selectionSet);
  });
