import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import { compileEntityFetch } from './entity-fetch.ts';
import type { FlatPath } from './locate.ts';
import type { PlanParts, Step } from './plan-run.ts';
import { compileRootFetch } from './root-fetch.ts';

/** The plan is of a kind that this compiler does not know; the document runs on the reference executor. */
export class NotCompilable extends Error {}

const nothing: Step = async () => undefined;

/** Turns a query plan into functions, once. Throws {@link NotCompilable}. */
export function compilePlan(parts: PlanParts, plan: QueryPlan): Step {
  const { node } = plan;
  if (node === undefined) return nothing;
  if (node.kind === 'Subscription') throw new NotCompilable('The plan is of a subscription.');
  return compileNode(parts, node, []);
}

function compileNode(parts: PlanParts, node: PlanNode, path: FlatPath): Step {
  switch (node.kind) {
    case 'Fetch':
      return compileFetch(parts, node, path);
    case 'Flatten':
      return compileNode(parts, node.node, [...path, ...node.path.map(readStep)]);
    case 'Sequence':
      return inSequence(node.nodes.map((one) => compileNode(parts, one, path)));
    case 'Parallel':
      return inParallel(node.nodes.map((one) => compileNode(parts, one, path)));
    case 'Condition': {
      const { condition, ifClause, elseClause } = node;
      const [then, otherwise] = [ifClause, elseClause].map((one) =>
        one === undefined ? nothing : compileNode(parts, one, path),
      );
      return (run) => ((run.truths.get(condition) === true ? then : otherwise) ?? nothing)(run);
    }
    case 'Defer':
      throw new NotCompilable('The plan defers.');
  }
}

function readStep(step: string | number): string {
  if (typeof step === 'number' || step.includes('|')) throw new NotCompilable(`The plan goes by ${step}.`);
  return step;
}

function compileFetch(parts: PlanParts, fetch: FetchNode, path: FlatPath): Step {
  if (fetch.contextRewrites !== undefined && fetch.contextRewrites.length > 0) {
    throw new NotCompilable('The plan hands down context.');
  }
  return fetch.requires === undefined || fetch.requires.length === 0
    ? compileRootFetch(parts, fetch, path)
    : compileEntityFetch(parts, fetch, fetch.requires, path);
}

function inSequence(steps: readonly Step[]): Step {
  const [only, ...others] = steps;
  if (only !== undefined && others.length === 0) return only;
  return async (run) => {
    for (const step of steps) await step(run);
  };
}

function inParallel(steps: readonly Step[]): Step {
  return async (run) => {
    await Promise.all(steps.map((step) => step(run)));
  };
}
