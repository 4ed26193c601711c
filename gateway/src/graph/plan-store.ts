const MAX_PASSING = 500;

/** A cache in the form Apollo asks for: what was made ready is kept, what comes along (ad-hoc text) makes room again. */
export interface PlanStore<Value> {
  get(key: string): Promise<Value | undefined>;
  set(key: string, value: Value): Promise<void>;
  delete(key: string): Promise<boolean>;
  clear(): void;
  keep(key: string, value: Value): void;
  forget(key: string): void;
}

export function createPlanStore<Value>(): PlanStore<Value> {
  const kept = new Map<string, Value>();
  const passing = new Map<string, Value>();
  return {
    get: async (key) => kept.get(key) ?? passing.get(key),
    async set(key, value) {
      if (kept.has(key)) return;
      passing.set(key, value);
      const oldest = passing.size > MAX_PASSING ? passing.keys().next().value : undefined;
      if (oldest !== undefined) passing.delete(oldest);
    },
    delete: async (key) => passing.delete(key),
    clear: () => passing.clear(),
    keep: (key, value) => {
      kept.set(key, value);
    },
    forget: (key) => {
      kept.delete(key);
    },
  };
}
