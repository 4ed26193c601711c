import { recordAuditAlone } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import type { SubgraphName } from '@bridgework/schema';
import { createRefusals, type Refusals } from './refusals.ts';
import { describe } from './report-errors.ts';

/** Refused requests of one subgraph, written to the audit log as `subgraph.refuse` by the subgraph itself. */
export function auditRefusals(name: SubgraphName, base: Pick<Context, 'db' | 'log' | 'now'>): Refusals {
  return createRefusals({
    now: base.now,
    async write(reason, count) {
      const requestId = newId('req');
      const ctx: Context = { ...base, caller: { kind: 'system', job: `subgraph.${name}` }, requestId };
      base.log.warn({ reason, count, requestId }, 'requests.refused');
      try {
        await recordAuditAlone(ctx, {
          action: 'subgraph.refuse',
          entity: 'subgraph',
          entityId: name,
          result: 'DENIED',
          errorMessage: reason,
          occurrences: count,
        });
      } catch (error) {
        base.log.error({ reason, count, requestId, ...describe(error) }, 'refusals.not_audited');
      }
    },
  });
}
