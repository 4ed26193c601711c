import type { Sql } from 'postgres';

type Row = Readonly<Record<string, unknown>>;
export type RowsByTable = ReadonlyMap<string, readonly Row[]>;

/** Every row of every table of ours; a partitioned table counts as one. */
export async function readRows(owner: Sql): Promise<RowsByTable> {
  const tables = await owner<{ name: string }[]>`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('appointment', 'billing', 'inventory', 'integration', 'outbox', 'audit', 'idempotency')
      and c.relkind in ('r', 'p') and not c.relispartition order by 1`;
  const rows = new Map<string, readonly Row[]>();
  for (const { name } of tables) {
    const found = (await owner.unsafe(
      `select to_jsonb(t) as row from ${name} t order by to_jsonb(t)::text`,
    )) as unknown;
    rows.set(
      name,
      (found as readonly { row: Row }[]).map(({ row }) => row),
    );
  }
  return rows;
}

/** The same rows with the columns alone that they had before, in an order that does not depend on newer columns. */
export function asBefore(before: readonly Row[], after: readonly Row[]): { before: string[]; after: string[] } {
  const columns = Object.keys(before[0] ?? {}).toSorted();
  const texts = (rows: readonly Row[]) =>
    rows.map((row) => JSON.stringify(columns.map((column) => [column, row[column]]))).toSorted();
  return { before: texts(before), after: before.length === 0 ? [] : texts(after) };
}
