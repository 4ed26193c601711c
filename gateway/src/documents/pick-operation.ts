import { DomainError } from '@bridgework/kernel/errors';
import { type DocumentNode, Kind, type OperationDefinitionNode, OperationTypeNode } from 'graphql';

export interface PickedOperation {
  readonly operation: OperationDefinitionNode;
  /** The document with this operation alone, and the fragments. */
  readonly document: DocumentNode;
}

/** The operation that is to run: the named one, or the only one. Throws GRAPHQL_VALIDATION_FAILED. */
export function pickOperation(document: DocumentNode, name: string | undefined): PickedOperation {
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const picked = name === undefined ? operations : operations.filter((one) => one.name?.value === name);
  const [operation, ...others] = picked;
  if (operation === undefined || others.length > 0) {
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', {
      detail: 'The document must have exactly one operation to run.',
    });
  }
  if (operation.operation === OperationTypeNode.SUBSCRIPTION) {
    throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: 'This graph has no subscriptions.' });
  }
  return { operation, document: withOneOperation(document, operation) };
}

/** Of several operations only one runs. */
export const withOneOperation = (document: DocumentNode, operation: OperationDefinitionNode): DocumentNode => ({
  ...document,
  definitions: document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION || one === operation),
});
