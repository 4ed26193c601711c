import type { ErrorCode } from '@bridgework/kernel/errors';
import type { ControlReport } from '@bridgework/schema';

/** A request that was refused before anybody was recognised. */
export interface UnknownRefusal {
  readonly requestId: string;
  /** The client's address. */
  readonly source: string;
  readonly code: ErrorCode;
  readonly message: string;
}

type Reported = ControlReport['refusals'][number];

export interface UnknownRefusals {
  add(refusal: UnknownRefusal): void;
  /** What is ready to be reported: the first of its kind at once, the rest of its minute as one sum. */
  due(all: boolean): Reported[];
}

const MAX_SOURCES_PER_MINUTE = 1000;
/** While the registry is away, sums beyond this many are added to the last. */
const MAX_CLOSED = 5000;
const MINUTE_MS = 60_000;

/**
 * The first refusal of a source, code and minute is reported at once (an alert must not wait); what follows in that
 * minute is one entry with a count. Beyond a thousand sources the rest counts as one.
 */
export function createUnknownRefusals(now: () => Date): UnknownRefusals {
  let fresh: Reported[] = [];
  let minute = 0;
  let sums = new Map<string, Reported>();
  const closed: Reported[] = [];

  const turn = (current: number) => {
    if (current === minute) return;
    for (const sum of sums.values()) {
      const overflow = closed.length >= MAX_CLOSED ? closed.at(-1) : undefined;
      if (overflow !== undefined) overflow.count += sum.count;
      else if (sum.count > 0) closed.push(sum);
    }
    sums = new Map();
    minute = current;
  };
  return {
    add({ requestId, source, code, message }) {
      const at = now();
      turn(Math.floor(at.getTime() / MINUTE_MS));
      const named = sums.has(`${source} ${code}`) || sums.size < MAX_SOURCES_PER_MINUTE ? source : 'others';
      const sum = sums.get(`${named} ${code}`);
      if (sum !== undefined) {
        sum.count += 1;
        return;
      }
      const reported: Reported = {
        integration_id: null,
        actor: `source ${named}`,
        action: 'request.refuse',
        entity: 'token',
        entity_id: null,
        code,
        message,
        request_id: requestId,
        occurred_at: at.toISOString(),
        count: 1,
      };
      fresh.push(reported);
      sums.set(`${named} ${code}`, { ...reported, count: 0 });
    },
    due(all) {
      turn(all ? Number.NaN : Math.floor(now().getTime() / MINUTE_MS));
      const due = [...fresh, ...closed.splice(0)];
      fresh = [];
      return due;
    },
  };
}
