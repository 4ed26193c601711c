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

/** What a migration writes into rows that were there before, on purpose, and how such a row looked. */
const COMPLETED_BY_MIGRATIONS: readonly { by: string; table: string; undo: (row: Row) => Row }[] = [
  {
    by: '0020_overdue_currency',
    table: 'outbox.events',
    undo: (row) => {
      if (row.type !== 'installment.overdue') return row;
      const { currency: _currency, ...data } = row.data as Row;
      return { ...row, data };
    },
  },
];

/** The rows of a table then and now, with the columns alone that it had then, in an order that no new column changes. */
export function asBefore(table: string, then: RowsByTable, now: RowsByTable): { before: string[]; after: string[] } {
  const before = then.get(table) ?? [];
  const columns = Object.keys(before[0] ?? {}).toSorted();
  const undone = COMPLETED_BY_MIGRATIONS.filter((one) => one.table === table);
  const texts = (rows: readonly Row[]) =>
    rows
      .map((row) => undone.reduce((undoing, { undo }) => undo(undoing), row))
      .map((row) => JSON.stringify(columns.map((column) => [column, row[column]])))
      .toSorted();
  return { before: texts(before), after: before.length === 0 ? [] : texts(now.get(table) ?? []) };
}
