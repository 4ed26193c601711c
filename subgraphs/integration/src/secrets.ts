import type { IntegrationSecrets } from '@bridgework/kernel/config';
import type { Context } from '@bridgework/kernel/context';
import type { Db } from '@bridgework/kernel/database';

/**
 * The registry's keys, by the database they belong to: a domain function gets nothing but its context, and several
 * clinics may live in one process (the tests). Known from the moment the subgraph starts.
 */
const known = new WeakMap<Db, IntegrationSecrets>();

export function rememberSecrets(db: Db, secrets: IntegrationSecrets): void {
  known.set(db, secrets);
}

/** Throws when the subgraph was not started with this database: a fault of composition. */
export function secretsOf(ctx: Pick<Context, 'db'>): IntegrationSecrets {
  const secrets = known.get(ctx.db);
  if (secrets === undefined) throw new Error('The integration subgraph was not started with this database.');
  return secrets;
}
