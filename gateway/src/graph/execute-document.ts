import type { Logger } from '@bridgework/kernel/logger';
import type { Execute } from './execute.ts';
import { reportError, reportErrors } from './report-errors.ts';
import type { RunShared } from './single-flight.ts';

/** Runs a document and brings its errors into the form callers see. */
export function createExecute(run: RunShared, log: Logger): Execute {
  return async (document, variables, request) => {
    try {
      return reportErrors(await run(document, variables, request), request, log);
    } catch (error) {
      return { data: null, errors: [reportError(error, request, log)] };
    }
  };
}
