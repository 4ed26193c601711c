import type { ErrorCode } from '@bridgework/kernel/errors';
import type { ControlReport } from '@bridgework/schema';

/** A request of the REST API that was answered. */
export interface SeenRequest {
  readonly requestId: string;
  readonly tokenId: string;
  readonly method: string;
  /** The route's pattern, not its path. */
  readonly route: string;
  readonly status: number;
  readonly problem: ErrorCode | null;
  readonly receivedAt: Date;
  readonly durationMs: number;
}

/** Of one batch, a quarter of a second; a token may make ten a second unless told otherwise. */
const MAX_REQUESTS = 2_000;
const MAX_REQUESTS_PER_TOKEN = 200;

type Reported = ControlReport['requests'][number];

export interface SeenRequests {
  add(request: SeenRequest): void;
  /** All that were added since the last time. */
  take(): Reported[];
}

/**
 * Requests on their way to the list that their senders may read. It is a help to them and no record: whoever sends more
 * than anybody would read is not kept whole, and keeps out nobody else.
 */
export function createSeenRequests(unlisted: () => void): SeenRequests {
  let requests: Reported[] = [];
  let perToken = new Map<string, number>();
  return {
    add({ requestId, tokenId, receivedAt, durationMs, ...request }) {
      const already = perToken.get(tokenId) ?? 0;
      if (requests.length >= MAX_REQUESTS || already >= MAX_REQUESTS_PER_TOKEN) return unlisted();
      perToken.set(tokenId, already + 1);
      requests.push({
        ...request,
        request_id: requestId,
        token_id: tokenId,
        received_at: receivedAt.toISOString(),
        duration_ms: durationMs,
      });
    },
    take() {
      const taken = requests;
      requests = [];
      perToken = new Map();
      return taken;
    },
  };
}
