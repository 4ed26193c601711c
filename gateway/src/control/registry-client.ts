import type { Readable } from 'node:stream';
import type { GatewayCaller } from '@bridgework/kernel/context';
import { CALLER_HEADER, type CallerSigningKey, signCaller } from '@bridgework/kernel/signed-caller';
import {
  type BrokenDocuments,
  ControlLooked,
  type ControlReport,
  DocumentContracts,
  DocumentTexts,
  type MessageCallback,
  MessageCallbackTaken,
  type MessageSubscription,
  MessageSubscriptionVerified,
  type SignedSnapshot,
} from '@bridgework/schema';
import { SUBGRAPH_TIMEOUT_MS, type SubgraphConnection } from '../graph/subgraph-pools.ts';
import { parseJson } from './snapshot.ts';

/** It is asked again half a second later. */
const LOOK_TIMEOUT_MS = 1000;

/** The registry's control routes, called as this gateway. Every method throws when the registry does not answer well. */
export interface RegistryClient {
  openStream(signal: AbortSignal): Promise<Readable>;
  /** At most 500 ids. */
  documentTexts(ids: readonly string[]): Promise<DocumentTexts['documents']>;
  report(batch: ControlReport): Promise<void>;
  /** The newest snapshot when it is of a later generation. */
  newerThan(generation: number): Promise<SignedSnapshot | undefined>;
  /** What callable documents were approved as; at most 500 ids. */
  contracts(ids: readonly string[]): Promise<DocumentContracts['contracts']>;
  /** At most 500 documents that this gateway goes on without. */
  broken(documents: BrokenDocuments['documents']): Promise<void>;
  /** What a message provider called back; judged there. */
  messageCallback(callback: MessageCallback): Promise<MessageCallbackTaken>;
  messageSubscription(asked: MessageSubscription): Promise<MessageSubscriptionVerified>;
}

/** The registry answered, but not with 200. */
export class RegistryAnswerError extends Error {
  readonly status: number;

  constructor(status: number, route: string) {
    super(`The registry answered ${status} to ${route}.`);
    this.name = 'RegistryAnswerError';
    this.status = status;
  }
}

export interface RegistryClientOptions {
  readonly connection: SubgraphConnection;
  readonly signingKey: CallerSigningKey;
  readonly gatewayId: string;
  readonly now: () => Date;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const caller: GatewayCaller = { kind: 'gateway', gatewayId: options.gatewayId };
  const headers = (body: string) => ({
    'content-type': 'application/json',
    [CALLER_HEADER]: signCaller(options.signingKey, {
      audience: 'integration',
      use: 'control',
      caller,
      generation: 0,
      body,
      now: options.now(),
    }),
  });
  const post = async (path: string, value: unknown, timeoutMs = SUBGRAPH_TIMEOUT_MS) => {
    const body = JSON.stringify(value);
    // Its header is good for one use, so it is never sent again as it is.
    const answer = await options.connection.call({
      method: 'POST',
      path,
      headers: headers(body),
      body,
      timeoutMs,
      repeatable: false,
    });
    if (answer.status !== 200) throw new RegistryAnswerError(answer.status, `POST ${path}`);
    return parseJson(answer.body.text);
  };
  return {
    async openStream(signal) {
      const path = '/control/stream';
      const stream = await options.connection.stream({
        method: 'GET',
        path,
        headers: headers(''),
        repeatable: false,
        signal,
      });
      if (stream.status === 200) return stream.body;
      stream.body.destroy();
      throw new RegistryAnswerError(stream.status, `GET ${path}`);
    },
    documentTexts: async (ids) => DocumentTexts.parse(await post('/control/documents', { ids })).documents,
    async newerThan(generation) {
      const answer = await post('/control/look', { generation }, LOOK_TIMEOUT_MS);
      return ControlLooked.parse(answer).snapshot ?? undefined;
    },
    async report(batch) {
      await post('/control/report', batch);
    },
    contracts: async (ids) => DocumentContracts.parse(await post('/control/contracts', { ids })).contracts,
    async broken(documents) {
      await post('/control/broken', { documents });
    },
    messageCallback: async (callback) => MessageCallbackTaken.parse(await post('/control/message-callback', callback)),
    messageSubscription: async (asked) =>
      MessageSubscriptionVerified.parse(await post('/control/message-subscription', asked)),
  };
}
