import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { contractPath, readContract } from '@bridgework/kernel/contract-files';
import { DomainError } from '@bridgework/kernel/errors';
import type { ReportSpool } from './control/spool.ts';
import { requirePermission } from './documents/judge-document.ts';
import { documentIdOf, type PrepareDocument } from './documents/prepare-document.ts';
import { auditing, REFUSED_READS, type RunDocument } from './documents/run-document.ts';
import type { ExecutableDocument, RequestScope } from './graph/execute.ts';
import { refusalIn } from './graph/report-errors.ts';
import type { TextBody } from './graph/text-body.ts';

/**
 * Runs an operation of the product's own set (`schema/operations/rest-v1`) as the request's caller: the same scope
 * decision, limits, execution and audit as a persisted query. `name` is the operation's name, `AppointmentsV1`.
 *
 * Answers the whole `data` or throws a DomainError: INSUFFICIENT_SCOPE (with `members.scope`), FORBIDDEN,
 * LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE (a subgraph is away; for writes also when the registry is), whatever the
 * domain refused with, or INTERNAL. It never answers with a hole. A refusal for want of a scope is reported for audit here.
 */
export type CallOperation = (
  name: string,
  variables: Record<string, unknown>,
  request: RequestScope,
) => Promise<Record<string, unknown>>;

/** The product's own documents by operation name. They ship with the build and are callable by name from our routes alone. */
export type ProductOperations = ReadonlyMap<string, ExecutableDocument>;

const FOLDER = 'operations/rest-v1';

/** Throws when a document does not fit the graph: a gateway that cannot serve its own routes must not start. */
export function readProductOperations(prepare: PrepareDocument): ProductOperations {
  const operations = new Map<string, ExecutableDocument>();
  for (const file of productFiles()) {
    const text = readContract(`${FOLDER}/${file}`);
    const readiness = prepare(documentIdOf(text), text);
    if (!readiness.ok) throw new Error(`The operation in ${FOLDER}/${file} does not fit the graph: ${readiness.error}`);
    operations.set(readiness.document.operationName, readiness.document);
  }
  return operations;
}

function productFiles(): string[] {
  const folder = join(contractPath('supergraph.graphql'), '..', FOLDER);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.graphql'))
    .map((entry) => entry.name)
    .sort();
}

export function createCallOperation(operations: ProductOperations, run: RunDocument): CallOperation {
  return async (name, variables, request) => {
    const document = operationNamed(operations, name);
    const executed = await run(document, variables, request, { entity: 'operation', entityId: name });
    if (executed.errors === undefined) return dataIn(executed.body);
    const [first] = executed.errors.toSorted((left, right) => severity(right) - severity(left));
    throw (first && refusalIn(first)) ?? new DomainError('INTERNAL');
  };
}

const dataIn = ({ text }: TextBody): Record<string, unknown> =>
  (JSON.parse(text) as { data: Record<string, unknown> }).data;

/** The permission alone, before the input is read: what a caller may not do is not commented on any further. */
export function createAuthorizeOperation(
  operations: ProductOperations,
  spool: Pick<ReportSpool, 'refused'>,
): (name: string, request: RequestScope) => void {
  return (name, request) => {
    const { requirement } = operationNamed(operations, name);
    auditing(spool, request, { entity: 'operation', entityId: name }, REFUSED_READS, () =>
      requirePermission(requirement, request.caller),
    );
  };
}

function operationNamed(operations: ProductOperations, name: string): ExecutableDocument {
  const document = operations.get(name);
  if (document === undefined) throw new Error(`No operation of the product is called ${name}.`);
  return document;
}

/** Our own failure outranks a refusal: a caller must not take half an answer for a decision. */
const severity = (error: unknown): number => {
  const code = refusalIn(error)?.code ?? 'INTERNAL';
  return code === 'INTERNAL' || code === 'TEMPORARILY_UNAVAILABLE' ? 1 : 0;
};
