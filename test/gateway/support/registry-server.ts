import { type KeyObject, sign } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CALLER_HEADER, createReplayGuard, verifyCaller } from '@bridgework/kernel/signed-caller';
import type { ControlReport, ControlSnapshot, Environment, SignedSnapshot } from '@bridgework/schema';

/** What a test changes of the registry; `publish` sends it to every gateway that listens. */
export interface FakeRegistry {
  readonly state: Pick<ControlSnapshot, 'integrations' | 'tokens' | 'documents'>;
  readonly texts: Map<string, string>;
  /** Asked for one of these, the registry does not answer. */
  readonly unanswered: Set<string>;
  readonly reports: ControlReport[];
  issuedAt: () => Date;
  /** Signs the state under the next generation. */
  publish(): void;
  /** Sends a line as it is, for what a registry would never say. */
  send(line: unknown): void;
  sign(snapshot: ControlSnapshot): SignedSnapshot;
  generation: number;
  control(request: IncomingMessage, body: string, response: ServerResponse): Promise<boolean>;
}

export function createRegistry(
  signingKey: KeyObject,
  gatewayKeys: ReadonlyMap<string, KeyObject>,
  environment: Environment = 'sandbox',
): FakeRegistry {
  const streams = new Set<ServerResponse>();
  const applied = new Set<string>();
  const seen = createReplayGuard();
  const startedAt = new Date();
  const registry: FakeRegistry = {
    state: { integrations: [], tokens: [], documents: [] },
    texts: new Map(),
    unanswered: new Set(),
    reports: [],
    generation: 0,
    issuedAt: () => new Date(),
    sign(snapshot) {
      const payload = JSON.stringify(snapshot);
      return {
        payload,
        key_id: 'registry',
        signature: sign(null, Buffer.from(payload), signingKey).toString('base64url'),
      };
    },
    publish() {
      registry.generation += 1;
      registry.send(current());
    },
    send(line) {
      for (const stream of streams) stream.write(`${JSON.stringify(line)}\n`);
    },
    async control(request, body, response) {
      if (request.url?.startsWith('/control/') !== true) return false;
      const verdict = verifyCaller(
        String(request.headers[CALLER_HEADER] ?? ''),
        { use: 'control', body },
        { publicKeys: gatewayKeys, audience: 'integration', startedAt, now: new Date(), seen },
      );
      if (verdict.kind === 'refused') response.writeHead(401).end(verdict.reason);
      else if (request.url === '/control/stream') openStream(response);
      else if (request.url === '/control/documents') sendTexts(body, response);
      else if (request.url === '/control/look') look(body, response);
      else if (request.url === '/control/report') takeReport(body, response);
      else response.writeHead(404).end();
      return true;
    },
  };
  const current = () =>
    registry.sign({
      generation: registry.generation,
      issued_at: registry.issuedAt().toISOString(),
      environment,
      ...registry.state,
    });
  const openStream = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(`${JSON.stringify(current())}\n`);
    const heartbeat = setInterval(() => response.write(`${JSON.stringify({ heartbeat: true })}\n`), 2000);
    streams.add(response);
    response.on('close', () => {
      clearInterval(heartbeat);
      streams.delete(response);
    });
  };
  const sendTexts = (body: string, response: ServerResponse) => {
    const { ids } = JSON.parse(body) as { ids: string[] };
    if (ids.some((id) => registry.unanswered.has(id))) return;
    const documents = ids.flatMap((id) => {
      const text = registry.texts.get(id);
      return text === undefined ? [] : [{ id, text }];
    });
    response.writeHead(200).end(JSON.stringify({ documents }));
  };
  const look = (body: string, response: ServerResponse) => {
    const { generation } = JSON.parse(body) as { generation: number };
    response.end(JSON.stringify({ snapshot: registry.generation > generation ? current() : null }));
  };
  const takeReport = (body: string, response: ServerResponse) => {
    const report = JSON.parse(body) as ControlReport;
    if (!applied.has(report.batch_id)) registry.reports.push(report);
    applied.add(report.batch_id);
    response.writeHead(200).end('{}');
  };
  return registry;
}
