import type { Context } from '@bridgework/kernel/context';
import { openNewsTeller } from '@bridgework/kernel/control-news';
import { DomainError } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { listenForChanges } from '@bridgework/kernel/listen';
import { readSigningKey } from '@bridgework/kernel/signed-caller';
import type { ControlRequest, RunningSubgraph, SubgraphRuntime } from '@bridgework/kernel/subgraph';
import {
  ControlLook,
  type ControlLooked,
  MessageSubscription,
  type MessageSubscriptionVerified,
} from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { answerContracts, breakDocuments } from '../documents/break-documents.ts';
import { parseInput } from '../input.ts';
import { knowsVerifyToken, takeCallback } from '../messages/take-callback.ts';
import { rememberSecrets } from '../secrets.ts';
import { applyReport } from './apply-report.ts';
import { coalesce } from './coalesce.ts';
import { noteGateway } from './connected-gateways.ts';
import { createFeed } from './feed.ts';
import { readDocumentTexts } from './read-document-texts.ts';
import { readGeneration, readNextEnd, readSnapshot } from './read-snapshot.ts';
import { signSnapshot } from './sign-snapshot.ts';

export const CONTROL_CHANNEL = 'bridgework_control';
/** The backstop of a lost notification: a revoked token must be known everywhere within a second. */
const POLL_MS = 500;
/** Even without a change: a snapshot's signed issue time must stay young. And at midnight, when reviews fall overdue. */
const RENEW_MS = 15_000;

/** Starts the registry's side of the control contract; see schema/src/control.ts. */
export async function serveControl(runtime: SubgraphRuntime): Promise<RunningSubgraph> {
  const { database, databaseUrl, log, now, secrets, redisUrl } = runtime;
  rememberSecrets(database.db, secrets);
  const key = readSigningKey(secrets.registrySigningKey);
  const feed = createFeed();
  await database.db.execute(sql`select integration.record_single_manager(${secrets.singleManager})`);
  const teller =
    redisUrl === undefined ? undefined : openNewsTeller({ redisUrl, environment: secrets.environment, log });
  let published = { generation: -1, at: 0, day: '', endsAt: Number.POSITIVE_INFINITY };
  const publish = async (): Promise<void> => {
    const readAt = now();
    const snapshot = await readSnapshot(database.db, secrets.environment, readAt);
    feed.publish(signSnapshot(key, snapshot));
    if (snapshot.generation > published.generation) teller?.tell(snapshot.generation);
    published = {
      generation: snapshot.generation,
      at: performance.now(),
      day: dayOf(snapshot.issued_at),
      endsAt: (await readNextEnd(database.db, readAt))?.getTime() ?? Number.POSITIVE_INFINITY,
    };
    failing = false;
  };
  let failing = false;
  const onError = (err: unknown): void => {
    // Once per outage, not twice a second.
    if (!failing) log.error({ err }, 'snapshot.not_read');
    failing = true;
  };
  const lookAgain = coalesce(publish, onError);
  const check = coalesce(async () => {
    const at = now();
    const isYoung =
      performance.now() - published.at < RENEW_MS &&
      published.day === dayOf(at.toISOString()) &&
      at.getTime() < published.endsAt;
    if (isYoung && (await readGeneration(database.db)) === published.generation) return;
    lookAgain();
  }, onError);
  await publish();
  const listener = await listenForChanges({
    url: databaseUrl,
    channel: CONTROL_CHANNEL,
    applicationName: 'bridgework integration control',
    onChange: lookAgain,
  });
  const poll = setInterval(check, POLL_MS);
  return {
    controlRoutes: {
      'GET /control/stream': ({ caller, signal }) => {
        noteGateway(database.db, caller.gatewayId, signal);
        return feed.lines(signal);
      },
      'POST /control/look': async ({ body }) => {
        const { generation } = parseInput(ControlLook, parseJson(body));
        const newest = await readGeneration(database.db);
        if (newest !== undefined && newest > published.generation) await publish();
        const looked: ControlLooked = { snapshot: published.generation > generation ? (feed.latest() ?? null) : null };
        return looked;
      },
      'POST /control/documents': async ({ body }) => readDocumentTexts(database.db, parseJson(body)),
      'POST /control/contracts': async ({ body }) => answerContracts(database.db, parseJson(body)),
      'POST /control/broken': async (request) => breakDocuments(contextOf(runtime, request), parseJson(request.body)),
      'POST /control/message-callback': async (request) =>
        takeCallback(contextOf(runtime, request), secrets.messages, parseJson(request.body)),
      'POST /control/message-subscription': async ({ body }) => {
        const { token } = parseInput(MessageSubscription, parseJson(body));
        const verified: MessageSubscriptionVerified = { known: knowsVerifyToken(secrets.messages, token) };
        return verified;
      },
      'POST /control/report': async (request) => applyReport(contextOf(runtime, request), parseJson(request.body)),
    },
    async close() {
      clearInterval(poll);
      teller?.close();
      await listener.close();
    },
  };
}

const dayOf = (instant: string): string => instant.slice(0, 10);

function contextOf({ database, now, log }: SubgraphRuntime, { caller }: ControlRequest): Context {
  return { db: database.db, caller, now, log, requestId: newId('req') };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new DomainError('MALFORMED_JSON', { cause });
  }
}
