import type { Context } from '@bridgework/kernel/context';
import { assertAllowed } from '@bridgework/kernel/scope-rules';
import type { RequirementMap } from '@bridgework/schema';
import { execute, type FormattedExecutionResult, type GraphQLSchema } from 'graphql';
import type { ReadyDocument } from './documents.ts';
import { reportErrors } from './report-errors.ts';

export interface GraphRequest extends ReadyDocument {
  readonly variables: Record<string, unknown>;
  readonly operationName: string | undefined;
}

/** Runs one operation as the context's caller. Never throws: what goes wrong is in the result, fit to leave. */
export async function executeGraph(
  schema: GraphQLSchema,
  requirements: RequirementMap,
  request: GraphRequest,
  ctx: Context,
): Promise<FormattedExecutionResult> {
  try {
    if (request.operation === 'mutation') assertAllowed(schema, requirements, request.document, ctx.caller);
    const { data, errors } = await execute({
      schema,
      document: request.document,
      variableValues: request.variables,
      operationName: request.operationName,
      contextValue: ctx,
    });
    return {
      ...(errors === undefined ? {} : { errors: reportErrors(errors, ctx.log, ctx.requestId) }),
      ...(data === undefined ? {} : { data }),
    };
  } catch (error) {
    return { errors: reportErrors([error], ctx.log, ctx.requestId) };
  }
}
