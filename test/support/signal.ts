export interface Signal {
  /** Settles once {@link Signal.give} was called. */
  readonly given: Promise<void>;
  give(): void;
  isGiven(): boolean;
}

/** Lets two flows of a test wait for each other. */
export function signal(): Signal {
  const { promise, resolve } = withResolvers();
  let isGiven = false;
  const give = () => {
    isGiven = true;
    resolve();
  };
  return { given: promise, give, isGiven: () => isGiven };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const made: { resolve?: () => void } = {};
  const promise = new Promise<void>((resolve) => {
    made.resolve = resolve;
  });
  return { promise, resolve: () => made.resolve?.() };
}
