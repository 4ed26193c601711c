import type { FetchNode } from '@apollo/query-planner';
import type { Path } from '../shape/complete.ts';
import { type FetchAnswer, pathIn, readAnswer, relocate } from './fetch-answer.ts';
import { compileBody } from './fetch-body.ts';
import { type FlatPath, locate, locatePaths } from './locate.ts';
import { mergeInto } from './merge.ts';
import type { PlanParts, PlanRun, Step } from './plan-run.ts';
import { rewrite } from './rewrite.ts';
import { topKeysOf } from './top-keys.ts';

/** A fetch of root fields: its data go to the root of the answer, or to where a field leads back to the root. */
export function compileRootFetch({ supergraph, callOf, passes }: PlanParts, fetch: FetchNode, path: FlatPath): Step {
  const { serviceName, operationKind, outputRewrites } = fetch;
  const call = callOf(serviceName);
  const writeBody = compileBody(fetch);
  const use = operationKind === 'mutation' ? 'mutation' : 'query';
  const keys = topKeysOf(fetch);

  /** Where the keys of this fetch stand in the answer. */
  const places = (run: PlanRun): readonly Path[] => (path.length === 0 ? [[]] : locatePaths(run.data, path));

  const take = (run: PlanRun, { data, errors }: FetchAnswer): void => {
    if (data !== undefined) {
      if (outputRewrites !== undefined) rewrite(supergraph, outputRewrites, data);
      for (const target of path.length === 0 ? [run.data] : locate(run.data, path)) mergeInto(target, data);
    }
    for (const error of errors) note(run, error, places(run));
  };

  const note = (run: PlanRun, error: FetchAnswer['errors'][number], at: readonly Path[]): void => {
    const given = pathIn(error);
    if (given === undefined) {
      run.errors.push(relocate(error, serviceName, undefined));
      cover(run, at);
      return;
    }
    for (const place of at) {
      const whole = [...place, ...given];
      run.errors.push(relocate(error, serviceName, whole));
      run.covered.push(whole);
    }
  };

  const cover = (run: PlanRun, at: readonly Path[]): void => {
    for (const place of at) for (const key of keys) run.covered.push([...place, key]);
  };

  return async (run) => {
    if (path.length > 0 && locate(run.data, path).length === 0) return;
    try {
      const answer = await call({ use, body: writeBody(run.variables) }, run.scope);
      if (passes?.(answer.bytes) === true) run.whole = answer;
      else take(run, readAnswer(answer));
    } catch (error) {
      run.errors.push(error);
      cover(run, places(run));
    }
  };
}
