import DataLoader from 'dataloader';
import type { Context } from './context.ts';

/**
 * Turns a batch query into a loader that belongs to one request: keys asked for in the same tick become one statement,
 * a key asked for twice is read once. The loader lives exactly as long as its context, so nothing crosses callers.
 *
 * `load` answers in any order; `keyOf` says which key a row belongs to. A key without a row loads as null.
 */
export function loadOne<Key, Row>(
  load: (ctx: Context, keys: readonly Key[]) => Promise<readonly Row[]>,
  keyOf: (row: Row) => Key,
): (ctx: Context, key: Key) => Promise<Row | null> {
  return perContext(async (ctx, keys) => {
    const byKey = new Map((await load(ctx, keys)).map((row) => [keyOf(row), row]));
    return keys.map((key) => byKey.get(key) ?? null);
  });
}

/** As {@link loadOne}, for the rows that hang on a key: an empty list when there are none. */
export function loadMany<Key, Row>(
  load: (ctx: Context, keys: readonly Key[]) => Promise<readonly Row[]>,
  keyOf: (row: Row) => Key,
): (ctx: Context, key: Key) => Promise<readonly Row[]> {
  return perContext(async (ctx, keys) => {
    const byKey = new Map<Key, Row[]>();
    for (const row of await load(ctx, keys)) {
      const rows = byKey.get(keyOf(row));
      if (rows === undefined) byKey.set(keyOf(row), [row]);
      else rows.push(row);
    }
    return keys.map((key) => byKey.get(key) ?? []);
  });
}

const MAX_BATCH = 500;

/**
 * The loader belongs to the context itself: a weak map keyed by contexts is looked through at every collection of young
 * objects. A context made of another one (with a transaction's connection, say) does not inherit it.
 */
function perContext<Key, Value>(
  batch: (ctx: Context, keys: readonly Key[]) => Promise<readonly Value[]>,
): (ctx: Context, key: Key) => Promise<Value> {
  const own = Symbol('loader');
  type Loading = Context & { readonly [own]?: DataLoader<Key, Value> };
  const create = (ctx: Context): DataLoader<Key, Value> => {
    const value = new DataLoader((keys: readonly Key[]) => batch(ctx, keys), { maxBatchSize: MAX_BATCH });
    Object.defineProperty(ctx, own, { value });
    return value;
  };
  return (ctx: Loading, key) => (ctx[own] ?? create(ctx)).load(key);
}
