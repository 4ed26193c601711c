import { getTableColumns, is } from 'drizzle-orm';
import { toSnakeCase } from 'drizzle-orm/casing';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as appointment from '../../subgraphs/appointment/src/tables.ts';
import * as billing from '../../subgraphs/billing/src/tables.ts';
import * as integration from '../../subgraphs/integration/src/tables.ts';
import * as inventory from '../../subgraphs/inventory/src/tables.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
/** `schema.table.column` → type, with `not null` where it is. */
let real: ReadonlyMap<string, string>;

beforeAll(async () => {
  database = await createDatabase();
  const rows = await database.as('owner', 1)<{ name: string; type: string }[]>`
    select format('%s.%s.%s', n.nspname, c.relname, a.attname) as name,
      format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end as type
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`;
  real = new Map(rows.map(({ name, type }) => [name, type]));
});
afterAll(() => database.drop());

const subgraphs = { appointment, billing, inventory, integration };

describe.each(Object.entries(subgraphs))('the %s subgraph', (name, module) => {
  const tables = Object.values(module).filter((value) => is(value, PgTable));

  test('has tables', () => expect(tables.length).toBeGreaterThan(0));

  test.each(tables.map((table) => [getTableConfig(table).name, table] as const))(
    'sees %s as the database has it',
    (tableName, table) => {
      expect(getTableConfig(table).schema).toBe(name);
      const mirrored = Object.values(getTableColumns(table)).map((column) => [
        `${name}.${tableName}.${toSnakeCase(column.name)}`,
        `${column.getSQLType().replace(' (', '(')}${column.notNull ? ' not null' : ''}`,
      ]);
      expect(Object.fromEntries(mirrored)).toEqual(
        Object.fromEntries(mirrored.map(([column = '']) => [column, real.get(column)])),
      );
    },
  );
});
