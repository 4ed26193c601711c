import { DomainError, type FieldError } from '@bridgework/kernel/errors';
import {
  coerceInputValue,
  type DocumentNode,
  type GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  Kind,
  typeFromAST,
} from 'graphql';

const MAX_FAULTS = 10;

/**
 * Holds the variables against the operation's types. Throws VALIDATION_FAILED with a JSON Pointer for each fault and what
 * is wanted there. graphql-js would quote what was sent, which may be a patient's name: only its sentences about fields
 * are passed on.
 */
export function requireVariables(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const operation = document.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION);
  const faults: FieldError[] = [];
  for (const { variable, type: typeNode, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    // A validated document declares its variables with input types.
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) continue;
    if (variables[name] === undefined) {
      if (isNonNullType(type) && defaultValue === undefined) faults.push(fault([name], `must be given: ${type}.`));
    } else {
      faults.push(...faultsOf(name, variables[name], type));
    }
  }
  if (faults.length === 0) return;
  const { pointer, detail } = faults[0] ?? { pointer: '/variables', detail: 'A variable does not fit.' };
  throw new DomainError('VALIDATION_FAILED', {
    detail: `${pointer} ${detail}`,
    errors: faults.slice(0, MAX_FAULTS),
  });
}

function faultsOf(name: string, value: unknown, type: GraphQLInputType): FieldError[] {
  const faults: FieldError[] = [];
  coerceInputValue(value, type, (path, _invalid, error) =>
    faults.push(fault([name, ...path], sentenceOf(error, type))),
  );
  return faults;
}

const ABOUT_FIELDS = /^(Field "[^"]+" (of required type|is not defined)|Expected non-nullable type) [^:]*/;

const sentenceOf = ({ message }: GraphQLError, type: GraphQLInputType): string =>
  ABOUT_FIELDS.test(message) ? message : `does not fit its type, within ${type}.`;

const fault = (path: readonly (string | number)[], detail: string): FieldError => ({
  pointer: `/variables/${path.join('/')}`,
  code: 'invalid',
  detail,
});
