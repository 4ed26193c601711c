import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import type { Refusal, ReportSpool } from '../control/spool.ts';
import type { ExecutableDocument, Execute, Executed, RequestScope } from '../graph/execute.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Quota } from '../quota/quota.ts';
import { type JudgeRules, judgeDocument } from './judge-document.ts';

/**
 * Under which name a document is audited and counted: its own id, its operation's name in the product's set, or, of a
 * mutation that was sent as text, what it wanted to change.
 */
export interface CalledAs {
  readonly entity: 'document' | 'operation' | 'mutation';
  readonly entityId: string;
}

/**
 * The one way to run a document that is known before it is called: persisted queries and REST routes share it. Judges,
 * reports a refusal for audit, counts the use and its cost, executes. Throws what {@link judgeDocument} throws, or
 * QUOTA_EXCEEDED.
 */
export type RunDocument = (
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  request: RequestScope,
  calledAs: CalledAs,
) => Promise<Executed>;

export interface RunDocumentOptions {
  readonly rules: JudgeRules;
  readonly execute: Execute;
  readonly quota: Pick<Quota, 'charge'>;
  readonly spool: Pick<ReportSpool, 'refused' | 'used'>;
  readonly metrics: Pick<GatewayMetrics, 'executed'>;
}

export function createRunDocument(options: RunDocumentOptions): RunDocument {
  const { rules, execute, quota, spool, metrics } = options;
  return async (document, variables, request, calledAs) => {
    const refusals = document.operation === 'mutation' ? REFUSED_WRITES : REFUSED_READS;
    const { caller } = request;
    const cost = auditing(spool, request, calledAs, refusals, () => judgeDocument(rules, document, variables, caller));
    await quota.charge(caller, cost);
    if (caller.kind === 'integration') {
      spool.used({ integrationId: caller.integrationId, tokenId: caller.tokenId, operation: calledAs.entityId });
    }
    metrics.executed(calledAs.entity === 'operation' ? 'operation' : 'document');
    return execute(document, variables, request);
  };
}

/** Of a read only the want of permission is audited; of a write every refusal of the request itself. */
export const REFUSED_READS: ReadonlySet<ErrorCode> = new Set(['INSUFFICIENT_SCOPE', 'FORBIDDEN']);
export const REFUSED_WRITES: ReadonlySet<ErrorCode> = new Set([
  ...REFUSED_READS,
  'VALIDATION_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'LIMIT_EXCEEDED',
]);

/** Runs a judgement; a refusal that is to be audited is reported before it is thrown on. */
export function auditing<Verdict>(
  spool: Pick<ReportSpool, 'refused'>,
  { requestId, caller }: RequestScope,
  calledAs: CalledAs,
  refusals: ReadonlySet<ErrorCode>,
  judge: () => Verdict,
): Verdict {
  try {
    return judge();
  } catch (error) {
    if (error instanceof DomainError && refusals.has(error.code)) {
      const refusal: Refusal = {
        requestId,
        caller,
        action: 'document.execute',
        ...calledAs,
        code: error.code,
        message: error.message,
      };
      spool.refused(refusal);
    }
    throw error;
  }
}
