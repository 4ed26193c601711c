/**
 * Runs `work` after every call, but never twice at a time and never more often than needed: calls that come while it
 * runs are answered together by one more run. Failures go to `onError`; whoever calls again tries again.
 */
export function coalesce(work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let state: 'idle' | 'running' | 'again' = 'idle';
  const run = async (): Promise<void> => {
    do {
      state = 'running';
      await work().catch(onError);
    } while (wantsMore());
    state = 'idle';
  };
  const wantsMore = (): boolean => state === 'again';
  return () => {
    if (state === 'idle') void run();
    else state = 'again';
  };
}
