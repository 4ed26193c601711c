import { createServer, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Logger } from './logger.ts';

/**
 * What one process counts about itself; the only importer of prom-client. Names begin with `bridgework_`, end in their
 * unit, and labels are taken from closed sets: never an id, an address or anything a caller chose.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export interface Metrics {
  counter<Label extends string>(name: MetricName, help: string, labels?: readonly Label[]): Counter<Label>;
  /** `buckets` are upper bounds in the unit of the name. */
  histogram<Label extends string>(
    name: MetricName,
    help: string,
    options: { readonly labels?: readonly Label[]; readonly buckets: readonly number[] },
  ): Histogram<Label>;
  /** `read` is asked whenever somebody looks. */
  gauge(name: MetricName, help: string, read: () => number | Promise<number>): void;
  /** One value for each value of a label, as {@link Metrics.gauge}. */
  gaugeBy(name: MetricName, help: string, label: string, read: () => Promise<Readonly<Record<string, number>>>): void;
  /** Everything in the Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Memory, CPU time, event loop and garbage collection of the process itself. */
  watchProcess(): void;
}

export type MetricName = `bridgework_${string}`;

/** Seconds of a request or of a call inside one: from a millisecond to the deadline of an import. */
export const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15];

/** `process` becomes a label of every value: gateway, subgraphs, workers. */
export function createMetrics(process: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  const registers = [registry];
  return {
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: [...labels], registers }),
    histogram: (name, help, { labels = [], buckets }) =>
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await read());
        },
      });
    },
    gaugeBy(name, help, label, read) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        async collect() {
          this.reset();
          for (const [value, count] of Object.entries(await read())) this.set({ [label]: value }, count);
        },
      });
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    watchProcess: () => collectDefaultMetrics({ register: registry }),
  };
}

export interface MetricsSettings {
  readonly METRICS_HOST: string;
  /** Undefined: nothing is served. */
  readonly METRICS_PORT?: number | undefined;
}

export interface MetricsServer {
  /** `http://host:port` with the port that was taken; undefined when nothing is served. */
  readonly origin: string | undefined;
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` on an address of its own, which partners cannot reach. Throws a sentence when the port is taken:
 * a process that nobody can watch should not look as if it were watched.
 */
export async function serveMetrics(metrics: Metrics, settings: MetricsSettings, log: Logger): Promise<MetricsServer> {
  const { METRICS_HOST: host, METRICS_PORT: port } = settings;
  if (port === undefined) return { origin: undefined, close: async () => undefined };
  metrics.watchProcess();
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.render().then(
      ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      (error) => {
        log.error({ err: error }, 'metrics.failed');
        response.writeHead(500).end();
      },
    );
  });
  await listen(server, host, port);
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
  log.info({ origin }, 'metrics.listening');
  return {
    origin,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(new Error(`METRICS_PORT ${port} on ${host} is taken; choose another port, or stop who holds it.`));
    });
    server.listen(port, host, resolve);
  });
}
