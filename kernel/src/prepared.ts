import type { Context } from './context.ts';
import type { Db } from './database.ts';

/**
 * A read that is built once per pool and run many times: building the SQL is more than half of what a small read costs.
 * For reads outside a transaction only: a statement prepared on the pool runs outside the transaction it is called in.
 */
export function prepared<Statement>(build: (db: Db) => Statement): (ctx: Context) => Statement {
  const statements = new WeakMap<Db, Statement>();
  return ({ db }) => {
    let statement = statements.get(db);
    if (statement === undefined) {
      statement = build(db);
      statements.set(db, statement);
    }
    return statement;
  };
}
