import { z } from 'zod';
import { DomainError } from './errors.ts';

/** A page of a keyset walk in Relay's shape. */
export interface Connection<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: PageInfo;
}

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/** Where a keyset walk stands: the sort column's value (an instant in ISO 8601, a date, a text) and the public id. */
export interface Position {
  readonly at: string;
  readonly id: string;
  /** Where a walk that is bounded ends; the same in all its cursors. */
  readonly until?: string;
}

export const MAX_PAGE = 100;

/** Size of a page. The graph states it as `first`; the cap holds whoever asks. Throws VALIDATION_FAILED. */
export function pageSize(first: number): number {
  if (Number.isInteger(first) && first >= 1 && first <= MAX_PAGE) return first;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [{ pointer: '/first', code: 'out-of-range', detail: `first is a whole number from 1 to ${MAX_PAGE}.` }],
  });
}

/**
 * Makes a connection of rows that were read with `limit first + 1`: the surplus row only says that there is more.
 * A cursor holds the sort value and the public id, never an internal key, whose sequence would count the clinic's rows.
 */
export function toConnection<Node>(
  rows: readonly Node[],
  first: number,
  after: string | null | undefined,
  positionOf: (row: Node) => Position,
): Connection<Node> {
  const edges = rows.slice(0, first).map((node) => ({ cursor: encodeCursor(positionOf(node)), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: typeof after === 'string',
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** Opaque to callers. The REST facade seals it once more and binds it to integration, filter and sort. */
export const encodeCursor = ({ at, id, until }: Position): string =>
  Buffer.from(JSON.stringify(until === undefined ? [at, id] : [at, id, until]), 'utf8').toString('base64url');

/** The position a cursor stands for; null without one. Throws VALIDATION_FAILED for anything we did not write. */
export function decodeCursor(after: string | null | undefined): Position | null {
  if (after === null || after === undefined) return null;
  const parsed = cursor.safeParse(after);
  if (parsed.success) return parsed.data;
  throw notOurs();
}

/** As {@link decodeCursor} for a walk sorted by an instant. */
export function decodeInstantCursor(after: string | null | undefined): { at: Date; id: string; until?: Date } | null {
  const position = decodeCursor(after);
  if (position === null) return null;
  const { at, id, until } = position;
  return { at: instantOf(at), id, ...(until === undefined ? {} : { until: instantOf(until) }) };
}

function instantOf(text: string): Date {
  const at = new Date(text);
  if (!Number.isNaN(at.getTime()) && at.toISOString() === text) return at;
  throw notOurs();
}

const notOurs = () =>
  new DomainError('VALIDATION_FAILED', {
    errors: [{ pointer: '/after', code: 'invalid-cursor', detail: 'after is a cursor that an earlier page gave.' }],
  });

const cursor = z
  .string()
  .max(512)
  .transform((text, issue): Position => {
    try {
      const [at, id, until] = tuple.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
      return { at, id, ...(until === undefined ? {} : { until }) };
    } catch {
      issue.addIssue({ code: 'custom', message: 'is not a cursor' });
      return z.NEVER;
    }
  });
/** PostgreSQL takes no NUL and UTF-8 no lone surrogate; none of our cursors holds one. */
const part = z.string().regex(/^[^\p{Cc}\p{Cs}]*$/u);
const tuple = z.union([z.tuple([part, part]), z.tuple([part, part, part])]);
