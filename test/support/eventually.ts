import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks until the answer is there, instead of sleeping for as long as it might take. `ask` answers undefined, null or
 * false while there is nothing yet; what it throws on its last try is what the test sees.
 */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  options: { readonly withinMs?: number; readonly what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + (options.withinMs ?? 10_000);
  let failure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<Exclude<T, false>>;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      throw failure ?? new Error(`It did not happen in time: ${options.what ?? ask.toString()}`);
    }
    await wait(10);
  }
}
