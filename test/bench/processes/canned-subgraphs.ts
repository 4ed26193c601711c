import { createPrivateKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { readPublicKeys } from '@bridgework/kernel/signed-caller';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import { createRegistry, type FakeRegistry } from '../../gateway/support/registry-server.ts';
import { createCannedAnswers } from './canned-answers.ts';
import { serveAnswers } from './http-answers.ts';

/** What the benchmark tells this process to be. */
export interface CannedOrder {
  readonly folder: string;
  readonly registryKey: string;
  readonly gatewayKeys: string;
  readonly state: FakeRegistry['state'];
  readonly texts: Readonly<Record<string, string>>;
}

/** Documents to be activated while the gateway runs: id → text. */
export interface CannedActivation {
  readonly activate: Readonly<Record<string, string>>;
}

/** The TCP port of each subgraph; each also listens on `<folder>/<name>.sock`. */
export type CannedReady = Readonly<Record<string, number>>;

// A process of its own: subgraphs that answer from memory, and a registry that knows one partner.
process.once('message', (order: CannedOrder) => {
  open(order).then(
    (ports) => process.send?.(ports),
    (error) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

async function open(order: CannedOrder): Promise<CannedReady> {
  const registry = fillRegistry(order);
  process.on('message', ({ activate }: CannedActivation) => {
    const [like] = registry.state.documents;
    for (const [id, text] of Object.entries(activate)) {
      if (like !== undefined) registry.state.documents.push({ ...like, id });
      registry.texts.set(id, text);
    }
    registry.publish();
  });
  await listen(serveRegistry(registry), `${order.folder}/integration.sock`);
  const ports: Record<string, number> = {};
  for (const name of SUBGRAPH_NAMES) {
    if (name === 'integration') continue;
    const answer = createCannedAnswers(name);
    await listen(serveAnswers(answer), `${order.folder}/${name}.sock`);
    ports[name] = await listen(serveAnswers(answer), 0);
  }
  return ports;
}

function fillRegistry({ registryKey, gatewayKeys, state, texts }: CannedOrder): FakeRegistry {
  const der = Buffer.from(registryKey.slice(registryKey.indexOf(':') + 1), 'base64');
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const registry = createRegistry(key, readPublicKeys(gatewayKeys));
  registry.state.integrations.push(...state.integrations);
  registry.state.tokens.push(...state.tokens);
  registry.state.documents.push(...state.documents);
  for (const [id, text] of Object.entries(texts)) registry.texts.set(id, text);
  registry.generation = 1;
  return registry;
}

function serveRegistry(registry: FakeRegistry): Server {
  return createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    if (!(await registry.control(request, body, response))) response.writeHead(404).end();
  });
}

function listen(server: Server, where: string | number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = () => resolve((server.address() as AddressInfo).port ?? 0);
    if (typeof where === 'string') server.listen(where, done);
    else server.listen(where, '127.0.0.1', done);
  });
}
