import type { QueryPlan } from '@apollo/query-planner';
import { DomainError } from '@bridgework/kernel/errors';
import { type DocumentNode, GraphQLError, type GraphQLSchema, visit } from 'graphql';
import { compileConditions, NO_TRUTHS } from './conditions.ts';
import type { RequestScope } from './execute.ts';
import { compilePlan, NotCompilable } from './plan/compile-plan.ts';
import { compilePassThrough } from './plan/pass-through.ts';
import type { PlanParts, PlanRun } from './plan/plan-run.ts';
import type { Separated } from './required-arguments.ts';
import { type ObjectShape, shapeOfOperation, type Truths } from './shape/collect.ts';
import { compilePrinter, type Print } from './shape/compile-printer.ts';
import { completeData, type Path } from './shape/complete.ts';
import { TextBody } from './text-body.ts';

/** What a document brought: the whole answer, `{"data":…}`, where nothing was amiss, or data with raw errors. */
export type Outcome =
  | { readonly body: TextBody; readonly errors?: undefined }
  | { readonly body?: undefined; readonly data: Record<string, unknown> | null; readonly errors: readonly unknown[] };

export interface CompiledDocument {
  /** Fetches by the plan and prints. Throws VALIDATION_FAILED for a condition that is null. */
  run(variables: Readonly<Record<string, unknown>>, scope: RequestScope): Promise<Outcome>;
}

/** What the document asks for under one setting of its conditions. */
interface Variant {
  readonly shape: ObjectShape;
  readonly print: Print | undefined;
}

/** The plans, run one after the other, and how keys of the answer are called in what it fetches. */
export interface PlannedAs extends Pick<Separated, 'fetchedAs' | 'answeredAs'> {
  readonly plans: readonly QueryPlan[];
}

/** Beyond this many settings of its conditions a document is completed value by value. */
const MAX_PRINTERS = 16;

/**
 * Compiles a validated, planned document: a runner for its plan, and per setting of its conditions a shape and a
 * printer. Throws {@link NotCompilable}.
 */
export function compileDocument(
  parts: PlanParts & { readonly schema: GraphQLSchema },
  document: DocumentNode,
  { plans, fetchedAs, answeredAs }: PlannedAs,
  onCompleted: () => void,
): CompiledDocument {
  refuseIntrospection(document);
  const conditions = compileConditions(document, plans);
  const variants = new Map<string, Variant>();
  const variantOf = (truths: Truths): Variant => {
    const key = [...truths.values()].join();
    const known = variants.get(key);
    if (known !== undefined) return known;
    const shape = shapeOfOperation(parts.schema, document, truths, fetchedAs);
    const print = variants.size < MAX_PRINTERS ? compilePrinter(shape) : undefined;
    const variant = { shape, print };
    if (variants.size < MAX_PRINTERS) variants.set(key, variant);
    return variant;
  };
  const onlyShape = conditions.isEmpty ? variantOf(NO_TRUTHS).shape : undefined;
  if (onlyShape !== undefined) refuseUnanswerable(onlyShape, plans);
  const passes = onlyShape === undefined ? undefined : compilePassThrough(parts.schema, onlyShape, plans);
  const steps = plans.map((plan) => compilePlan({ ...parts, passes }, plan));
  return {
    async run(variables, scope) {
      const truths = conditions.read(variables);
      const run: PlanRun = { data: {}, variables, truths, scope, errors: [], covered: [] };
      for (const step of steps) await step(run);
      if (run.whole !== undefined) return { body: run.whole };
      const { shape, print } = variantOf(truths);
      const json = run.errors.length === 0 ? print?.(run.data) : undefined;
      if (json !== undefined) return { body: bodyOf(json) };
      onCompleted();
      const toAnswer = (path: Path): Path => path.map((step) => (typeof step === 'string' ? answeredAs(step) : step));
      const { data, errors } = completeData(
        { shape, supergraph: parts.supergraph, covered: run.covered.map(toAnswer) },
        run.data,
      );
      const all = [...run.errors.map((error) => movedTo(error, toAnswer)), ...errors];
      return all.length === 0 ? { body: bodyOf(JSON.stringify(data)) } : { data, errors: all };
    },
  };
}

/** The answer that shows these data. */
export const bodyOf = (json: string): TextBody => TextBody.ofText(`{"data":${json}}`);

/** An error whose path is that of the answer. */
function movedTo(error: unknown, toAnswer: (path: Path) => Path): unknown {
  if (!(error instanceof GraphQLError) || error.path === undefined) return error;
  const { message, path, extensions } = error;
  return new GraphQLError(message, { path: toAnswer(path), extensions });
}

/** Composition allows an interface that nothing implements; the planner then plans nothing and says nothing. */
function refuseUnanswerable({ fields }: ObjectShape, plans: readonly QueryPlan[]): void {
  if (plans.some(({ node }) => node !== undefined) || fields.every(({ name }) => name === '__typename')) return;
  throw new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: 'No subgraph can answer what the document asks for.' });
}

/** The graph's description of itself comes from no subgraph. */
function refuseIntrospection(document: DocumentNode): void {
  visit(document, {
    Field({ name }) {
      if (name.value === '__schema' || name.value === '__type') throw new NotCompilable('The document introspects.');
    },
  });
}
