/** Chance that can be repeated: the same seed gives the same requests. */
export interface Chance {
  /** A whole number from 0 to below `of`. */
  below(of: number): number;
  /** True once in `of` times. */
  once(of: number): boolean;
  pick<Value>(values: readonly Value[]): Value;
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (of: number): number => Math.floor(next() * of);
  return {
    below,
    once: (of) => below(of) === 0,
    pick: (values) => {
      const value = values[below(values.length)];
      if (value === undefined && values.length === 0) throw new Error('There is nothing to pick from.');
      return value as (typeof values)[number];
    },
  };
}
