import type { ISql, Sql, TransactionSql } from 'postgres';

/**
 * A list of values makes a text of its own for each length: texts with more values than this are parsed each time, so
 * that what a connection remembers stays small.
 */
const MAX_PARAMETERS = 64;

/**
 * Has every statement prepared by the connection it first runs on, in transactions too. drizzle asks for it only where a
 * statement was given a name; the others are parsed and planned again at each run, and cost a second round trip that
 * asks for the types of their values.
 */
export function prepareStatements(client: Sql): Sql {
  const begin = client.begin.bind(client) as (...given: unknown[]) => Promise<unknown>;
  return Object.assign(preparing(client), {
    begin: (...given: unknown[]) => begin(...given.map((one) => (isBody(one) ? inside(one) : one))),
  });
}

type Body = (tx: TransactionSql) => unknown;

const isBody = (given: unknown): given is Body => typeof given === 'function';

const inside =
  (body: Body): Body =>
  (tx) => {
    const savepoint = tx.savepoint.bind(tx) as (...given: unknown[]) => Promise<unknown>;
    return body(
      Object.assign(preparing(tx), {
        savepoint: (...given: unknown[]) => savepoint(...given.map((one) => (isBody(one) ? inside(one) : one))),
      }),
    );
  };

function preparing<Client extends ISql>(client: Client): Client {
  const unsafe = client.unsafe.bind(client);
  const prepared: ISql['unsafe'] = (text, parameters = [], options = {}) =>
    unsafe(text, parameters, { ...options, prepare: parameters.length > 0 && parameters.length <= MAX_PARAMETERS });
  return Object.assign(client, { unsafe: prepared });
}
