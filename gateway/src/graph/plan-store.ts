const MAX_PASSING = 500;

/** Prepared documents by id: what was registered is kept, what comes along (ad-hoc text) makes room again. */
export interface PlanStore<Value> {
  peek(id: string): Value | undefined;
  keep(id: string, value: Value): void;
  /** Remembers one that may be forgotten, unless it is kept. */
  pass(id: string, value: Value): void;
  forget(id: string): void;
}

export function createPlanStore<Value>(): PlanStore<Value> {
  const kept = new Map<string, Value>();
  const passing = new Map<string, Value>();
  return {
    peek: (id) => kept.get(id) ?? passing.get(id),
    keep(id, value) {
      kept.set(id, value);
      passing.delete(id);
    },
    pass(id, value) {
      if (kept.has(id)) return;
      passing.delete(id);
      passing.set(id, value);
      const oldest = passing.size > MAX_PASSING ? passing.keys().next().value : undefined;
      if (oldest !== undefined) passing.delete(oldest);
    },
    forget: (id) => {
      kept.delete(id);
    },
  };
}
