import type { ErrorCode } from '@bridgework/kernel/errors';
import { DURATION_BUCKETS_S, type Metrics } from '@bridgework/kernel/metrics';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import type { ExecutionPath } from './graph/load-supergraph.ts';
import type { SubgraphConnection, SubgraphConnections } from './graph/subgraph-pools.ts';

type Allowance = 'token' | 'integration' | 'cost';

/** What the gateway counts. */
export interface GatewayMetrics {
  /** A request was answered. `route` is the route's pattern, not its path. */
  answered(request: { route: string; method: string; status: number; seconds: number }): void;
  refused(code: ErrorCode): void;
  /** A document was let through and is executed. */
  executed(kind: ExecutionKind): void;
  /** By which way of the graph a document was answered; `reference` should be rare. */
  took(path: ExecutionPath): void;
  /** A partner wanted more than it may have within a minute. */
  overQuota(allowance: Allowance): void;
  /** A request that its sender will not find in the list of own requests. */
  unlisted(): void;
  /** Where requests are counted, and by how many gateways. */
  watchStore(store: WatchedStore): void;
  /** The same connections, timed. */
  timed(connections: SubgraphConnections): SubgraphConnections;
  /** The generation by which requests are judged, its age, and whether the registry answers. */
  watchRegistry(registry: WatchedRegistry, now: () => Date): void;
}

interface WatchedStore {
  isUsable(): boolean;
  gateways(): number;
}

interface WatchedRegistry {
  state(): 'live' | 'stale' | 'away';
  current(): { readonly number: number; readonly issuedAt: Date } | undefined;
}

/** A registered document by its id, an operation of the product behind a REST route, or query text. */
export type ExecutionKind = 'document' | 'operation' | 'text';

/** Everything not in this list counts as `OTHER`: a method is whatever a caller wrote. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const STATES = { live: 2, stale: 1, away: 0 } as const;

export function createGatewayMetrics(metrics: Metrics): GatewayMetrics {
  const requests = metrics.histogram('bridgework_http_request_duration_seconds', 'Requests answered, by route.', {
    labels: ['route', 'method', 'status'],
    buckets: DURATION_BUCKETS_S,
  });
  const refusals = metrics.counter('bridgework_refused_requests_total', 'Requests refused, by code.', ['code']);
  const executions = metrics.counter('bridgework_executions_total', 'Documents executed, by how they came.', ['kind']);
  const overQuotas = metrics.counter('bridgework_quota_exceeded_total', 'Requests beyond an allowance.', ['allowance']);
  const unlisted = metrics.counter('bridgework_unlisted_requests_total', 'Requests their senders cannot look up.', []);
  const calls = metrics.histogram('bridgework_subgraph_call_duration_seconds', 'Calls of subgraphs.', {
    labels: ['subgraph', 'outcome'],
    buckets: DURATION_BUCKETS_S,
  });
  const paths = metrics.counter('bridgework_graph_paths_total', 'Documents run, by the way they took.', ['path']);
  // Finding a value by its labels costs more than counting it; there are few of them.
  const observers = new Map<string, ReturnType<typeof requests.labels>>();
  const observer = (route: string, method: string, status: number) => {
    const key = `${method} ${status} ${route}`;
    const known = observers.get(key) ?? requests.labels({ route, method, status });
    observers.set(key, known);
    return known;
  };
  const timedOne = (subgraph: SubgraphName, connection: SubgraphConnection): SubgraphConnection => {
    const [ok, refused, failed] = ['ok', 'refused', 'failed'].map((outcome) => calls.labels({ subgraph, outcome }));
    return {
      ...connection,
      async call(call) {
        const begunAt = performance.now();
        const seconds = () => (performance.now() - begunAt) / 1000;
        try {
          const answer = await connection.call(call);
          (answer.status === 200 ? ok : refused)?.observe(seconds());
          return answer;
        } catch (error) {
          failed?.observe(seconds());
          throw error;
        }
      },
    };
  };
  return {
    answered({ route, method, status, seconds }) {
      observer(route, METHODS.has(method) ? method : 'OTHER', status).observe(seconds);
    },
    refused: (code) => refusals.inc({ code }),
    executed: (kind) => executions.inc({ kind }),
    took: (path) => paths.inc({ path }),
    unlisted: () => unlisted.inc(),
    overQuota: (allowance) => overQuotas.inc({ allowance }),
    watchStore(store) {
      metrics.gauge('bridgework_quota_store_up', 'Counting is shared: 1, or each gateway grants its share: 0.', () => {
        return store.isUsable() ? 1 : 0;
      });
      metrics.gauge('bridgework_gateways', 'Gateways that share the store.', store.gateways);
    },
    timed(connections) {
      const entries = SUBGRAPH_NAMES.map((name) => [name, timedOne(name, connections[name])] as const);
      return Object.fromEntries(entries) as Record<SubgraphName, SubgraphConnection>;
    },
    watchRegistry(registry, now) {
      metrics.gauge('bridgework_registry_state', 'The registry: 2 live, 1 reads only, 0 away.', () => {
        return STATES[registry.state()];
      });
      metrics.gauge('bridgework_control_generation', 'The generation by which requests are judged.', () => {
        return registry.current()?.number ?? 0;
      });
      metrics.gauge('bridgework_control_snapshot_age_seconds', 'Since the snapshot was issued.', () => {
        const issuedAt = registry.current()?.issuedAt;
        return issuedAt === undefined ? Number.NaN : (now().getTime() - issuedAt.getTime()) / 1000;
      });
    },
  };
}
