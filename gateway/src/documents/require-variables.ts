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
  const faults: FieldError[] = [];
  for (const { name, type, isRequired } of declaredIn(schema, document)) {
    if (variables[name] === undefined) {
      if (isRequired) faults.push(fault([name], `must be given: ${type}.`));
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

interface Declared {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly isRequired: boolean;
}

const known = new WeakMap<DocumentNode, readonly Declared[]>();

/** The variables of a document, looked up once for all requests. A document belongs to one schema. */
function declaredIn(schema: GraphQLSchema, document: DocumentNode): readonly Declared[] {
  const earlier = known.get(document);
  if (earlier !== undefined) return earlier;
  const operation = document.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION);
  const declared = (operation?.variableDefinitions ?? []).flatMap(({ variable, type: typeNode, defaultValue }) => {
    const type = typeFromAST(schema, typeNode);
    // A validated document declares its variables with input types.
    if (!isInputType(type)) return [];
    return [{ name: variable.name.value, type, isRequired: isNonNullType(type) && defaultValue === undefined }];
  });
  known.set(document, declared);
  return declared;
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
