import type { TransactionSql } from 'postgres';

const CHUNK = 2_000;

/** Inserts plain rows, some thousands in a statement. Columns are those of the first row; the table fills the others. */
export async function insertRows(tx: TransactionSql, table: string, rows: readonly object[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first).join(', ');
  for (let from = 0; from < rows.length; from += CHUNK) {
    const chunk = JSON.stringify(rows.slice(from, from + CHUNK));
    await tx.unsafe(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [chunk],
    );
  }
}

/** The internal key of each row by its public id, for the rows that refer to them. */
export async function readKeys(tx: TransactionSql, table: string): Promise<(id: string) => string> {
  const rows = await tx.unsafe<{ id: string; key: string }[]>(`select id, key from ${table}`);
  const keys = new Map(rows.map(({ id, key }) => [id, key]));
  return (id) => {
    const key = keys.get(id);
    if (key === undefined) throw new Error(`${table} has no row ${id}.`);
    return key;
  };
}
