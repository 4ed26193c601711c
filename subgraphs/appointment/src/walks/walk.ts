import { type Connection, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { findHorizon } from './find-horizon.ts';

/** A page of a walk by (updated_at, id). */
export interface WalkPage<Node> extends Connection<Node> {
  /** Where the next walk begins; null for a list that is no walk. */
  readonly nextUpdatedSince: Date | null;
}

export interface WalkRequest {
  readonly first: number;
  readonly after: string | null | undefined;
  readonly position: { readonly at: Date; readonly id: string; readonly until?: Date } | null;
  /** Without it this is a list and no walk. */
  readonly updatedSince: Date | null | undefined;
}

interface Walked {
  readonly id: string;
  readonly updatedAt: Date;
}

/**
 * Reads a page of a walk. The first page finds the horizon and every cursor carries it: later pages end before it, so what
 * is changed while somebody walks moves out of this walk and into the next one, and no walk meets a row twice. `read` gives
 * `first + 1` rows behind the position, those before `until` when it is given.
 */
export async function walk<Row extends Walked>(
  ctx: Context,
  { first, after, position, updatedSince }: WalkRequest,
  read: (until: Date | undefined) => Promise<Row[]>,
): Promise<WalkPage<Row>> {
  const isWalk = updatedSince instanceof Date;
  const horizon = isWalk && position === null ? await findHorizon(ctx) : (position?.until ?? null);
  const rows = await read(position?.until);
  // The first page is one look at the database and may show what is newer; a page after it may not.
  const surplus = rows[first];
  const ends = horizon !== null && surplus !== undefined && surplus.updatedAt >= horizon;
  const until = horizon === null ? {} : { until: horizon.toISOString() };
  const page = toConnection(ends ? rows.slice(0, first) : rows, first, after, ({ id, updatedAt }) => ({
    at: updatedAt.toISOString(),
    id,
    ...until,
  }));
  return { ...page, nextUpdatedSince: isWalk ? later(horizon, updatedSince) : null };
}

/** Nothing before what was asked for is of interest to whoever walks on. */
const later = (horizon: Date | null, since: Date): Date => (horizon !== null && horizon > since ? horizon : since);
