import { type Connection, decodeCursor, type Position, pageSize, toConnection } from './connection.ts';
import type { Context } from './context.ts';
import { loadMany } from './loaders.ts';

/** One page below each of many parents: `limit` rows of each, behind the position. */
export interface Page {
  readonly limit: number;
  readonly position: Position | null;
}

export interface PageArguments {
  readonly first: number;
  readonly after?: string | null | undefined;
}

/**
 * A connection that hangs on a parent, batched: the same page below all the parents of a request is one statement.
 *
 * `load` answers the rows of all parents, each parent's in order and at most `page.limit` of them.
 * The loader throws VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export function loadPages<Row>(
  load: (ctx: Context, parentIds: readonly string[], page: Page) => Promise<readonly Row[]>,
  parentOf: (row: Row) => string,
  positionOf: (row: Row) => Position,
): (ctx: Context, parentId: string, page: PageArguments) => Promise<Connection<Row>> {
  const rowsOf = loadMany(
    async (ctx, keys: readonly string[]) => {
      const pages = byPage(keys);
      const loaded = await Promise.all(
        [...pages].map(async ([page, wanted]) => {
          const { first, after } = JSON.parse(page) as PageArguments;
          const rows = await load(ctx, wanted.map(parentIn), { limit: first + 1, position: decodeCursor(after) });
          return rows.map((row) => ({ key: keyOf(parentOf(row), page), row }));
        }),
      );
      return loaded.flat();
    },
    ({ key }) => key,
  );
  return async (ctx, parentId, { first, after }) => {
    pageSize(first);
    decodeCursor(after);
    const rows = await rowsOf(ctx, keyOf(parentId, JSON.stringify({ first, after: after ?? null })));
    return toConnection(
      rows.map(({ row }) => row),
      first,
      after,
      positionOf,
    );
  };
}

function byPage(keys: readonly string[]): Map<string, string[]> {
  const pages = new Map<string, string[]>();
  for (const key of keys) {
    const wanted = pages.get(pageOf(key));
    if (wanted === undefined) pages.set(pageOf(key), [key]);
    else wanted.push(key);
  }
  return pages;
}

/** One text holds parent and page, because loaders tell keys apart by identity. Ids have no space. */
const keyOf = (parentId: string, page: string) => `${parentId} ${page}`;
const parentIn = (key: string) => key.slice(0, key.indexOf(' '));
const pageOf = (key: string) => key.slice(key.indexOf(' ') + 1);
