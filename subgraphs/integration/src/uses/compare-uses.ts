import type { Context } from '@bridgework/kernel/context';
import { loadMany } from '@bridgework/kernel/loaders';
import { sql } from 'drizzle-orm';
import type { Integration } from '../integrations/integration.ts';

/** An API or an event: whether an integration declared it, and whether it was seen to use it. */
export interface Use {
  readonly kind: 'API' | 'EVENT';
  /** GRAPHQL, REST, WEBHOOKS, or the name of an event. */
  readonly name: string;
  readonly declared: boolean;
  readonly observed: boolean;
  readonly lastUsedAt: Date | null;
}

interface ObservedUse extends Record<string, unknown> {
  readonly integration_key: string;
  readonly kind: 'API' | 'EVENT';
  readonly name: string;
  readonly last_used_at: string | null;
}

/**
 * What an integration declared beside what it was seen to use, as far as gateways have reported. An endpoint that is
 * there counts as use of webhooks, its subscriptions as use of their events. Declared first, then by name. Batched.
 *
 * @see docs/rules.md#approval-process
 */
export async function compareUses(ctx: Context, integration: Integration): Promise<readonly Use[]> {
  const seen = await loadObserved(ctx, integration.key);
  const declared = [
    ...integration.declaredApis.map((name) => ({ kind: 'API' as const, name })),
    ...integration.declaredEvents.map((name) => ({ kind: 'EVENT' as const, name })),
  ];
  const find = (kind: string, name: string) => seen.find((one) => one.kind === kind && one.name === name);
  const undeclared = seen.filter(({ kind, name }) => !declared.some((one) => one.kind === kind && one.name === name));
  return [
    ...declared.map(({ kind, name }) => toUse({ kind, name, declared: true }, find(kind, name))),
    ...undeclared.map((use) => toUse({ kind: use.kind, name: use.name, declared: false }, use)),
  ];
}

const toUse = (use: Pick<Use, 'kind' | 'name' | 'declared'>, seen: ObservedUse | undefined): Use => ({
  ...use,
  observed: seen !== undefined,
  lastUsedAt: seen === undefined || seen.last_used_at === null ? null : new Date(seen.last_used_at),
});

const loadObserved = loadMany(
  async (ctx: Context, keys: readonly number[]) =>
    ctx.db.execute<ObservedUse>(sql`
      with asked as (select value::bigint as key from jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb))
      select t.integration_key, 'API' as kind,
        case when u.operation like 'sha256:%' then 'GRAPHQL' else 'REST' end as name, max(u.last_used_at) as last_used_at
      from integration.token_uses u
      join integration.tokens t on t.key = u.token_key
      where t.integration_key in (select key from asked)
      group by 1, 2, 3
      union all
      select e.integration_key, 'API', 'WEBHOOKS', null from integration.webhook_endpoints e
      where e.integration_key in (select key from asked) and e.deleted_at is null
      group by 1
      union all
      select e.integration_key, 'EVENT', s.event_type, null from integration.webhook_endpoints e
      join integration.webhook_subscriptions s on s.endpoint_key = e.key
      where e.integration_key in (select key from asked) and e.deleted_at is null
      group by 1, 3
      order by 2, 3`),
  (use) => Number(use.integration_key),
);
