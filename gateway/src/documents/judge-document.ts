import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import {
  type CostModel,
  DOCUMENT_LIMITS,
  type DocumentLimits,
  type DocumentRequirement,
  findExcess,
  isAllowed,
  measureRequests,
  type RequestMeasures,
  type Scope,
} from '@bridgework/schema';
import type { GraphQLSchema } from 'graphql';
import type { ExecutableDocument } from '../graph/execute.ts';
import { requireVariables } from './require-variables.ts';

export interface JudgeRules {
  readonly schema: GraphQLSchema;
  readonly cost: CostModel;
  /** The registry answers: without it a revocation could go unseen, and then nothing is written. */
  readonly mayWrite: () => boolean;
}

/**
 * Decides about a whole document before any subgraph is called: may this caller run it, with these variables, now?
 * Answers what it costs. Throws INSUFFICIENT_SCOPE, FORBIDDEN, VALIDATION_FAILED, LIMIT_EXCEEDED or
 * TEMPORARILY_UNAVAILABLE.
 *
 * @see docs/rules.md#least-privilege
 */
export function judgeDocument(
  rules: JudgeRules,
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  caller: SignedCaller,
  limits: DocumentLimits = DOCUMENT_LIMITS,
): number {
  requirePermission(document.requirement, caller);
  requireVariables(rules.schema, document.document, variables);
  const measures = measuresOf(rules, document);
  const cost = measures.cost(variables);
  const pageSize = measures.largestPage(variables);
  const excess = findExcess({ cost, pageSize }, limits);
  if (excess.length > 0) throw new DomainError('LIMIT_EXCEEDED', { detail: excess.join(' ') });
  if (document.operation === 'mutation' && !rules.mayWrite()) {
    throw new DomainError('TEMPORARILY_UNAVAILABLE', {
      detail: 'Nothing can be written at the moment; reading goes on.',
      retryAfterSeconds: 2,
    });
  }
  return cost;
}

const known = new WeakMap<ExecutableDocument, RequestMeasures>();

function measuresOf({ schema, cost }: JudgeRules, document: ExecutableDocument): RequestMeasures {
  const measures = known.get(document) ?? measureRequests(schema, cost, document.document);
  known.set(document, measures);
  return measures;
}

/** Throws INSUFFICIENT_SCOPE or FORBIDDEN. */
export function requirePermission(requirement: DocumentRequirement, caller: SignedCaller): void {
  const isManager = caller.kind === 'user' && caller.role === 'MANAGER';
  if (isAllowed(requirement, scopesOf(caller), isManager)) return;
  if (requirement.manager && !isManager) throw new DomainError('FORBIDDEN');
  // What is required, never what is held: of several ways the first.
  const scope = (requirement.scopes[0] ?? []).join(' ');
  throw new DomainError('INSUFFICIENT_SCOPE', { detail: `This needs ${scope}.`, members: { scope } });
}

const scopesOf = (caller: SignedCaller): readonly Scope[] => (caller.kind === 'gateway' ? [] : caller.scopes);
