import { createHash, randomBytes } from 'node:crypto';
import { freePort } from '@bridgework/kernel/embedded-postgres';
import { newId } from '@bridgework/kernel/ids';
import { generateIntegrationToken, hashIntegrationToken, readTokenPeppers } from '@bridgework/kernel/integration-token';
import { makeSecrets } from '@bridgework/launcher';
import { type ControlSnapshot, SCOPES_OF_READING } from './documents.ts';
import type { CannedActivation, CannedOrder, CannedReady } from './processes/canned-subgraphs.ts';
import type { StockOrder } from './processes/stock-gateway.ts';
import { messageOf, type Started, startBuilt, startSource, untilReady } from './start-process.ts';

/** Our gateway and a stock one in front of the same canned subgraphs, each in a process of its own. */
export interface CannedClinic {
  readonly ours: Started & { readonly port: number; readonly metricsPort: number; readonly startMs: number };
  readonly stock: Started & { readonly port: number };
  readonly token: string;
  readonly ids: ReadonlyMap<string, string>;
  /** Activates more documents of the partner's; they are ready when the gateway says that it has completed them. */
  activate(texts: readonly string[]): void;
  stop(): Promise<void>;
}

export async function startCannedClinic(folder: string, texts: readonly string[]): Promise<CannedClinic> {
  const secrets = await makeSecrets();
  const { token, state, ids } = describePartner(secrets.tokenPepper, texts);
  const started: Started[] = [];
  const stop = async () => {
    for (const one of started.splice(0).toReversed()) await one.stop();
  };
  try {
    const canned = startSource('canned-subgraphs.ts', { core: 1 });
    started.push(canned);
    canned.child.send({
      folder,
      registryKey: secrets.registrySigningKey,
      gatewayKeys: secrets.callerPublicKey,
      state,
      texts: Object.fromEntries(texts.map((text) => [idOf(text), text])),
    } satisfies CannedOrder);
    const ports = await messageOf<CannedReady>(canned);
    const ours = await startOurs(folder, secrets, started);
    const stock = startSource('stock-gateway.ts', { core: 0 });
    started.push(stock);
    const origins = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`]));
    stock.child.send({ origins, headers: {} } satisfies StockOrder);
    const activate = (more: readonly string[]): void => {
      const activation: CannedActivation = { activate: Object.fromEntries(more.map((text) => [idOf(text), text])) };
      canned.child.send(activation);
    };
    return { ours, stock: { ...stock, port: await messageOf<number>(stock) }, token, ids, activate, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOurs(folder: string, secrets: Awaited<ReturnType<typeof makeSecrets>>, started: Started[]) {
  const port = await freePort();
  const metricsPort = await freePort();
  const begun = performance.now();
  const gateway = startBuilt('gateway/dist/main.js', {
    core: 0,
    env: {
      NODE_ENV: 'production',
      CLINIC_ENV: 'sandbox',
      ...Object.fromEntries(
        ['appointment', 'billing', 'inventory', 'integration'].map((name) => [
          `${name.toUpperCase()}_URL`,
          `unix:${folder}/${name}.sock`,
        ]),
      ),
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      DATA_DIR: folder,
      CALLER_SIGNING_KEY: secrets.callerSigningKey,
      // The canned registry calls its key so.
      REGISTRY_PUBLIC_KEY: secrets.registryPublicKey.replace(/^[^:]+/, 'registry'),
      TOKEN_PEPPER: secrets.tokenPepper,
      CURSOR_KEY: secrets.cursorKey,
      OIDC_ISSUER: 'https://issuer.example',
      OIDC_AUDIENCE: 'bridgework',
      OIDC_JWKS: '{"keys":[]}',
      TOKEN_REQUESTS_PER_MINUTE: '100000000',
      INTEGRATION_REQUESTS_PER_MINUTE: '100000000',
      TOKEN_COST_PER_MINUTE: '1000000000000',
    },
  });
  started.push(gateway);
  await untilReady(port);
  return { ...gateway, port, metricsPort, startMs: performance.now() - begun };
}

export const idOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

function describePartner(pepper: string, texts: readonly string[]) {
  const token = generateIntegrationToken('sandbox');
  const hash = hashIntegrationToken(token.text, readTokenPeppers(pepper));
  const integrationId = newId('int');
  const state: Pick<ControlSnapshot, 'integrations' | 'tokens' | 'documents'> = {
    integrations: [
      {
        id: integrationId,
        name: `Bench ${randomBytes(3).toString('hex')}`,
        status: 'ACTIVE',
        review_due_on: null,
        review_overdue: false,
        ad_hoc: false,
      },
    ],
    tokens: [
      {
        id: newId('tok'),
        integration_id: integrationId,
        name: 'bench',
        public_id: token.publicId,
        secret_hash: hash.secretHash,
        pepper_id: hash.pepperId,
        scopes: [...SCOPES_OF_READING],
        status: 'ACTIVE',
        expires_at: null,
        allowed_cidrs: [],
      },
    ],
    documents: texts.map((text) => ({
      id: idOf(text),
      integration_id: integrationId,
      name: 'Document',
      aliases: [],
      status: 'ACTIVE',
    })),
  };
  return { token: token.text, state, ids: new Map(texts.map((text) => [text, idOf(text)])) };
}
