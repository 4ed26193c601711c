import type { Context } from '@bridgework/kernel/context';
import { visibleIntegration } from './integrations/find-integrations.ts';
import type { Integration } from './integrations/integration.ts';

/** What another subgraph knows of its entity; all we add hangs on the integration's id in it. */
interface ForeignEntity {
  readonly id: string;
}

export const resolveAppointment = <Entity extends ForeignEntity>(reference: Entity): Entity => reference;
export const resolveImagingReference = <Entity extends ForeignEntity>(reference: Entity): Entity => reference;

/** Null for an integration that is not the caller's own, exactly as for one that does not exist. Batched. */
export const resolveIntegration = ({ id }: { readonly id: string }, ctx: Context): Promise<Integration | null> =>
  visibleIntegration(ctx, id);

/**
 * Who imported or submitted something: for a partner null unless it was itself, for a person of the clinic whoever it
 * was.
 *
 * @see docs/rules.md#foreign-integrations
 */
export const resolveOwn = (ctx: Context, integrationId: string | null | undefined): Promise<Integration | null> =>
  visibleIntegration(ctx, integrationId);
