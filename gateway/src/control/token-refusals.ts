import { actorOf } from '@bridgework/kernel/context';
import type { ErrorCode } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { ControlReport } from '@bridgework/schema';

/** A request that was refused for its token, before anything of it was read. */
export interface TokenRefusal {
  readonly requestId: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly from: Stranger | KnownHolder;
}

/** Nobody was recognised. */
interface Stranger {
  readonly kind: 'source';
  /** The client's address. */
  readonly address: string;
}

/** A genuine token that is good for nothing now: revoked, expired, paused, or used from elsewhere. */
interface KnownHolder {
  readonly kind: 'token';
  readonly caller: SignedCaller;
  readonly publicId: string;
}

type Reported = ControlReport['refusals'][number];

export interface TokenRefusals {
  add(refusal: TokenRefusal): void;
  /** What is ready to be reported: the first of its kind at once, the rest of its minute as one sum. */
  due(all: boolean): Reported[];
}

const MAX_SOURCES_PER_MINUTE = 1000;
/** While the registry is away, sums beyond this many are added to the last. */
const MAX_CLOSED = 5000;
const MINUTE_MS = 60_000;

/**
 * Whoever floods us with tokens that are not good, made up or once issued, must not fill the audit log: the first
 * refusal of a source or token, code and minute is reported at once (an alert must not wait); what follows in that minute
 * is one entry with a count. Beyond a thousand sources the rest counts as one; known tokens are as many as there are.
 */
export function createTokenRefusals(now: () => Date): TokenRefusals {
  let fresh: Reported[] = [];
  let minute = 0;
  let sources = 0;
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
    sources = 0;
    minute = current;
  };
  const holderOf = ({ from, code }: TokenRefusal) => {
    if (from.kind === 'token') {
      const { caller, publicId } = from;
      const integrationId = caller.kind === 'integration' ? caller.integrationId : null;
      return { actor: actorOf(caller), integration_id: integrationId, entity_id: publicId };
    }
    const isNamed = sums.has(`source ${from.address} ${code}`) || sources < MAX_SOURCES_PER_MINUTE;
    return { actor: `source ${isNamed ? from.address : 'others'}`, integration_id: null, entity_id: null };
  };
  return {
    add(refusal) {
      const at = now();
      turn(Math.floor(at.getTime() / MINUTE_MS));
      const { requestId: request_id, code, message, from } = refusal;
      const holder = holderOf(refusal);
      const key = `${holder.actor} ${code}`;
      const sum = sums.get(key);
      if (sum !== undefined) {
        sum.count += 1;
        return;
      }
      if (from.kind === 'source') sources += 1;
      const occurred_at = at.toISOString();
      const what = { action: 'request.refuse', entity: 'token', code, message, request_id, occurred_at };
      fresh.push({ ...holder, ...what, count: 1 });
      sums.set(key, { ...holder, ...what, count: 0 });
    },
    due(all) {
      turn(all ? Number.NaN : Math.floor(now().getTime() / MINUTE_MS));
      const due = [...fresh, ...closed.splice(0)];
      fresh = [];
      return due;
    },
  };
}
