import { type SQL, sql } from 'drizzle-orm';

/** Many deliveries sent again on a manager's word, as the graph shows it. */
export interface Redrive {
  readonly id: string;
  readonly endpointId: string | null;
  readonly integrationId: string | null;
  readonly eventType: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly includeDelivered: boolean;
  readonly perSecond: number;
  readonly status: 'RUNNING' | 'DONE' | 'CANCELLED';
  readonly matchedCount: number;
  readonly replayedCount: number;
  readonly requestedBy: string;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/**
 * SQL: delivery `d` (to endpoint `e`) answers to redrive `r`. Only what had ended when it was asked for: what dies later,
 * perhaps of this very replay, is not sent in a circle.
 */
export const belongsToRedrive: SQL = sql`(
  (d.state = 'DEAD' or r.include_delivered and d.state = 'DELIVERED') and d.updated_at <= r.created_at
  and e.deleted_at is null
  and (r.integration_key is null or e.integration_key = r.integration_key)
  and (r.endpoint_key is null or d.endpoint_key = r.endpoint_key)
  and (r.event_type is null or d.event_type = r.event_type)
  and (r.created_from is null or d.created_at >= r.created_from)
  and (r.created_to is null or d.created_at < r.created_to)
  and (r.delivery_ids is null or d.id = any (r.delivery_ids))
)`;
