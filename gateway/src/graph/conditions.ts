import type { PlanNode, QueryPlan } from '@apollo/query-planner';
import { DomainError } from '@bridgework/kernel/errors';
import { type DocumentNode, Kind, valueFromASTUntyped, visit } from 'graphql';
import type { Truths } from './shape/collect.ts';

export interface Conditions {
  /** Without any, the document has one shape for all requests. */
  readonly isEmpty: boolean;
  /** What the conditions are under a request's variables. Throws VALIDATION_FAILED for a null. */
  read(variables: Readonly<Record<string, unknown>>): Truths;
}

export const NO_TRUTHS: Truths = new Map();

/** Finds the variables by which `@skip`, `@include` and the plans decide. */
export function compileConditions(document: DocumentNode, plans: readonly QueryPlan[]): Conditions {
  const names = new Set<string>();
  const defaults = new Map<string, unknown>();
  visit(document, {
    Directive({ name, arguments: given }) {
      if (name.value !== 'skip' && name.value !== 'include') return;
      for (const { value } of given ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
    VariableDefinition({ variable, defaultValue }) {
      if (defaultValue !== undefined) defaults.set(variable.name.value, valueFromASTUntyped(defaultValue));
    },
  });
  for (const { node } of plans) if (node !== undefined && node.kind !== 'Subscription') collect(node, names);
  if (names.size === 0) return { isEmpty: true, read: () => NO_TRUTHS };
  const truthOf = (name: string, variables: Readonly<Record<string, unknown>>): boolean => {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = given === undefined ? defaults.get(name) : given;
    if (typeof value === 'boolean') return value;
    throw new DomainError('VALIDATION_FAILED', { detail: `/variables/${name} must be true or false.` });
  };
  return {
    isEmpty: false,
    read: (variables) => new Map([...names].map((name) => [name, truthOf(name, variables)])),
  };
}

function collect(node: PlanNode, names: Set<string>): void {
  if (node.kind === 'Condition') names.add(node.condition);
  for (const one of nodesIn(node)) collect(one, names);
}

function nodesIn(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return node.nodes;
    case 'Flatten':
      return [node.node];
    case 'Condition':
      return [node.ifClause, node.elseClause].filter((one) => one !== undefined);
    case 'Fetch':
    case 'Defer':
      return [];
  }
}
