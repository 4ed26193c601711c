import type { BreakerChange, ClaimedEndpoint } from '@bridgework/integration';
import { admits, type Breaker, CLOSED, type Observation, observe } from '../outbound/breaker.ts';

/**
 * The breakers of this worker's endpoints. Counts live here; what must outlive the worker and bind the others (open,
 * until when, how often) goes to PostgreSQL with the results that caused it, and comes back with each claim.
 */
export interface Breakers {
  /** Takes over what PostgreSQL says. */
  adopt(endpoint: ClaimedEndpoint): void;
  observe(endpoint: ClaimedEndpoint, seen: Observation): void;
  admits(endpointId: string): boolean;
  /** Changes since the last call, to be stored. */
  takeChanges(): readonly BreakerChange[];
}

export function createBreakers(now: () => Date): Breakers {
  const breakers = new Map<string, Breaker>();
  const changed = new Map<string, number>();

  const changeOf = ([id, endpointKey]: [string, number]): BreakerChange => {
    const { state, openUntilMs, opens, probes } = breakers.get(id) ?? CLOSED;
    return { endpointKey, state, waitMs: Math.max(0, openUntilMs - now().getTime()), opens, probes };
  };

  return {
    adopt({ id, breaker: stored }) {
      // What is not stored yet is newer than what was read.
      if (changed.has(id)) return;
      const known = breakers.get(id) ?? CLOSED;
      if (known.state === stored.state && known.opens === stored.opens && known.probes === stored.probes) return;
      const { state, opens, probes, waitMs } = stored;
      breakers.set(
        id,
        state === 'closed' ? CLOSED : { ...CLOSED, state, opens, probes, openUntilMs: now().getTime() + waitMs },
      );
    },
    observe({ id, key }, seen) {
      const before = breakers.get(id) ?? CLOSED;
      const after = observe(before, seen);
      breakers.set(id, after);
      if (after.state !== before.state || after.opens !== before.opens || after.probes !== before.probes) {
        changed.set(id, key);
      }
    },
    admits: (id) => admits(breakers.get(id) ?? CLOSED, now().getTime()) !== 'none',
    takeChanges() {
      const changes = [...changed].map(changeOf);
      changed.clear();
      return changes;
    },
  };
}
