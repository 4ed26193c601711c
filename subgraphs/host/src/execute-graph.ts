import type { Context } from '@bridgework/kernel/context';
import { assertAllowed, type GuardedGraph } from '@bridgework/kernel/scope-rules';
import { type ExecutionResult, execute, type FormattedExecutionResult } from 'graphql';
import type { ReadyDocument } from './documents.ts';
import { reportErrors } from './report-errors.ts';

export interface GraphRequest extends ReadyDocument {
  readonly variables: Record<string, unknown>;
  readonly operationName: string | undefined;
}

/**
 * Runs one operation as the context's caller. Never throws: what goes wrong is in the result, fit to leave.
 *
 * A compiled query has no shield in front of its fields, so it runs only for whom shield permits every field of it.
 * Everything else runs on graphql-js with shield in front of each field.
 */
export async function executeGraph(
  graph: GuardedGraph,
  request: GraphRequest,
  ctx: Context,
): Promise<FormattedExecutionResult> {
  try {
    const { data, errors } = await run(graph, request, ctx);
    return {
      ...(errors === undefined ? {} : { errors: reportErrors(errors, ctx.log, ctx.requestId) }),
      ...(data === undefined ? {} : { data }),
    };
  } catch (error) {
    return { errors: reportErrors([error], ctx.log, ctx.requestId) };
  }
}

async function run(graph: GuardedGraph, request: GraphRequest, ctx: Context): Promise<ExecutionResult> {
  const { document, variables, operationName } = request;
  if (request.operation === 'mutation') assertAllowed(graph.bare, graph.requirements, document, ctx.caller);
  const runCompiled = request.findCompiled(variables);
  if (runCompiled !== undefined && (await request.isPermitted(ctx))) return runCompiled(ctx);
  return execute({ schema: graph.guarded, document, variableValues: variables, operationName, contextValue: ctx });
}
