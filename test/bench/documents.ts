import type { Scope } from '@bridgework/schema';

export type { ControlSnapshot } from '@bridgework/schema';

export const SCOPES_OF_READING: readonly Scope[] = [
  'read:appointments',
  'read:visits',
  'read:patients',
  'read:invoices',
  'read:financials',
  'read:inventory',
];

export const SMALL_LIST = `query SmallList($first: Int!, $after: String) {
  lowStockItems(first: $first, after: $after) {
    edges { node { id sku name onHand reorderPoint } }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** The flagship without the registry's part: appointment first, then billing for patients and visits, and inventory. */
export const FEDERATED_DAY = `query FederatedDay($from: DateTime!, $to: DateTime!, $first: Int!, $after: String) {
  appointments(filter: { startsFrom: $from, startsTo: $to }, first: $first, after: $after) {
    edges {
      node {
        id status startsAt endsAt
        provider { id name }
        patient { id displayName phoneMasked balances { amountMinor currency } }
        visit {
          id status completedAt
          invoice { id reference status balance { amountMinor currency } }
          materialsUsed { quantity item { id sku name } }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** A hundred appointments with their providers: some two hundred objects, pages and edges aside. */
export const LARGE_LIST = `query LargeList($first: Int!, $after: String) {
  appointments(filter: {}, first: $first, after: $after) {
    edges { cursor node { id status startsAt endsAt source sequence provider { id name } } }
    pageInfo { hasNextPage endCursor }
  }
}`;
