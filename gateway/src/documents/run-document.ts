import { DomainError } from '@bridgework/kernel/errors';
import type { ExecutionResult } from 'graphql';
import type { Refusal, ReportSpool } from '../control/spool.ts';
import type { ExecutableDocument, Execute, RequestScope } from '../graph/execute.ts';
import { type JudgeRules, judgeDocument } from './judge-document.ts';

/** Under which name a document is audited and counted: its own id, or its operation's name in the product's set. */
export interface CalledAs {
  readonly entity: 'document' | 'operation';
  readonly entityId: string;
}

/**
 * The one way to run a document that is known before it is called: persisted queries and REST routes share it. Judges,
 * reports a refusal for audit, counts the use, executes. Throws what {@link judgeDocument} throws.
 */
export type RunDocument = (
  document: ExecutableDocument,
  variables: Readonly<Record<string, unknown>>,
  request: RequestScope,
  calledAs: CalledAs,
) => Promise<ExecutionResult<Record<string, unknown>>>;

export interface RunDocumentOptions {
  readonly rules: JudgeRules;
  readonly execute: Execute;
  readonly spool: Pick<ReportSpool, 'refused' | 'used'>;
}

export function createRunDocument({ rules, execute, spool }: RunDocumentOptions): RunDocument {
  return (document, variables, request, calledAs) => {
    auditing(spool, request, calledAs, () => judgeDocument(rules, document, variables, request.caller));
    const { caller } = request;
    if (caller.kind === 'integration') {
      spool.used({ integrationId: caller.integrationId, tokenId: caller.tokenId, operation: calledAs.entityId });
    }
    return execute(document, variables, request);
  };
}

/** Runs a judgement; a refusal for want of permission is reported before it is thrown on. */
export function auditing(
  spool: Pick<ReportSpool, 'refused'>,
  { requestId, caller }: RequestScope,
  calledAs: CalledAs,
  judge: () => void,
): void {
  try {
    judge();
  } catch (error) {
    if (error instanceof DomainError && (error.code === 'INSUFFICIENT_SCOPE' || error.code === 'FORBIDDEN')) {
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
