import type { Logger } from '@bridgework/kernel/logger';
import type { Execute } from './execute.ts';
import type { Supergraph } from './load-supergraph.ts';
import { reportError, reportErrors } from './report-errors.ts';

/** Runs a document on the supergraph and brings its errors into the form callers see. */
export function createExecute(supergraph: Pick<Supergraph, 'run'>, log: Logger): Execute {
  return async (document, variables, request) => {
    try {
      return reportErrors(await supergraph.run(document, variables, request), request, log);
    } catch (error) {
      return { errors: [reportError(error, request, log)] };
    }
  };
}
