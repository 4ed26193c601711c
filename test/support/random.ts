/** Chance that can be repeated: the same seed gives the same numbers. */
export interface Random {
  /** A whole number, both ends included. */
  int(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  /** True with this probability. */
  chance(probability: number): boolean;
  shuffle<T>(list: readonly T[]): T[];
}

/** Mulberry32: small, fast and good enough for schedules. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    int,
    pick(from) {
      const picked = from[int(0, from.length - 1)];
      if (picked === undefined) throw new Error('There is nothing to pick from.');
      return picked;
    },
    chance: (probability) => next() < probability,
    shuffle(list) {
      const keyed = list.map((one) => ({ one, at: next() }));
      return keyed.sort((a, b) => a.at - b.at).map(({ one }) => one);
    },
  };
}

/** The run's seed: TEST_SEED repeats an earlier one. */
export const seedOfRun = (): number =>
  process.env.TEST_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(process.env.TEST_SEED);
