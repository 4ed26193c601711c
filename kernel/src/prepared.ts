import type { Placeholder, SQL } from 'drizzle-orm';
import { sql } from 'drizzle-orm';
import { type BuiltSelect, compileSelect, type Parameter, type RunSelect } from './compile-select.ts';
import type { Context } from './context.ts';
import type { Db } from './database.ts';

type Values<Name extends string> = Readonly<Partial<Record<Name, Parameter | undefined>>>;

/** A condition that belongs to a statement when its value is given: made of the value's placeholder. */
export type WhenGiven<Name extends string> = (
  name: Name,
  condition: (value: Placeholder) => SQL | undefined,
) => SQL | undefined;

/**
 * A read that drizzle writes once per pool and that runs many times: writing the text and reading rows by drizzle is
 * most of what a small read costs us. Values are what the driver takes: instants as ISO 8601.
 *
 * For reads outside a transaction only: it runs on the pool, which is why it takes a context and no transaction.
 */
export function prepared<Row>(
  build: (db: Db) => BuiltSelect<Row>,
): (ctx: Context, values: Readonly<Record<string, Parameter>>) => Promise<Row[]> {
  const statementOf = perPool<RunSelect<Row>>();
  return ({ db }, values) => statementOf(db, '', () => compileSelect(db.$client, build(db)))(values);
}

/**
 * As {@link prepared}, where conditions depend on what was given (neither null nor undefined): each set of given names is
 * a statement of its own, with the very text that drizzle would write for it each time. `is null or` would be one
 * statement, and one that hides its indexes.
 */
export function preparedParts<Name extends string, Row>(
  build: (db: Db, when: WhenGiven<Name>) => BuiltSelect<Row>,
): (ctx: Context, values: Values<Name>) => Promise<Row[]> {
  const statementOf = perPool<RunSelect<Row>>();
  return ({ db }, values) => {
    const given = Object.entries<Parameter | undefined>(values).filter(
      ([, value]) => value !== null && value !== undefined,
    );
    const key = given.map(([name]) => name).join(' ');
    const run = statementOf(db, key, () => {
      const names = new Set(given.map(([name]) => name));
      return compileSelect(
        db.$client,
        build(db, (name, condition) => (names.has(name) ? condition(sql.placeholder(name)) : undefined)),
      );
    });
    return run(values);
  };
}

/** Keeps what is made for a pool under a key; keys come from the code and not from callers. */
function perPool<Statement>(): (db: Db, key: string, make: () => Statement) => Statement {
  const pools = new WeakMap<Db, Map<string, Statement>>();
  return (db, key, make) => {
    const kept = pools.get(db) ?? new Map<string, Statement>();
    if (kept.size === 0) pools.set(db, kept);
    const statement = kept.get(key) ?? make();
    if (!kept.has(key)) kept.set(key, statement);
    return statement;
  };
}
