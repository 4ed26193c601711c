import type { BreakerChange, ClaimedEndpoint } from '@bridgework/integration';
import { admits, type Breaker, CLOSED, type Observation, observe } from '../outbound/breaker.ts';

/**
 * The breakers of this worker's endpoints. Counts live here; what must outlive the worker and bind the others (open,
 * until when, how often) goes to PostgreSQL with the results that caused it, and comes back with each claim.
 */
export interface Breakers {
  /** Where the changes of this worker stand; to be asked before PostgreSQL is. */
  mark(): number;
  /** Takes over what PostgreSQL said, unless something has changed here since the mark. */
  adopt(endpoint: ClaimedEndpoint, mark: number): void;
  observe(endpoint: ClaimedEndpoint, seen: Observation): void;
  admits(endpointId: string): boolean;
  /** Changes since the last call, to be stored; `stored` is called when they are, or never will be. */
  takeChanges(): { readonly changes: readonly BreakerChange[]; stored(): void };
}

export function createBreakers(now: () => Date): Breakers {
  const breakers = new Map<string, Breaker>();
  const changed = new Map<string, number>();
  /** How many writes of its changes are under way. */
  const storing = new Map<string, number>();
  const lastChange = new Map<string, number>();
  let count = 0;

  const changeOf = ([id, endpointKey]: [string, number]): BreakerChange => {
    const { state, openUntilMs, opens, probes } = breakers.get(id) ?? CLOSED;
    return { endpointKey, state, waitMs: Math.max(0, openUntilMs - now().getTime()), opens, probes };
  };

  return {
    mark: () => count,
    adopt({ id, breaker: stored }, mark) {
      // What is not stored yet, or was not when the claim began, is newer than what was read.
      if (changed.has(id) || storing.has(id) || (lastChange.get(id) ?? 0) > mark) return;
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
        lastChange.set(id, ++count);
      }
    },
    admits: (id) => admits(breakers.get(id) ?? CLOSED, now().getTime()) !== 'none',
    takeChanges() {
      const changes = [...changed].map(changeOf);
      const ids = [...changed.keys()];
      changed.clear();
      for (const id of ids) storing.set(id, (storing.get(id) ?? 0) + 1);
      return {
        changes,
        stored() {
          for (const id of ids) {
            const left = (storing.get(id) ?? 1) - 1;
            if (left > 0) storing.set(id, left);
            else storing.delete(id);
            // A claim that began before this was stored has read what was before.
            lastChange.set(id, ++count);
          }
        },
      };
    },
  };
}
