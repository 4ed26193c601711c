import { actorOf } from '@bridgework/kernel/context';
import type { ErrorCode } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import type { Logger } from '@bridgework/kernel/logger';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { ControlReport } from '@bridgework/schema';
import type { GatewayMetrics } from '../metrics.ts';
import { RegistryAnswerError, type RegistryClient } from './registry-client.ts';
import { createSeenRequests, type SeenRequest } from './seen-requests.ts';
import type { SpoolFiles } from './spool-files.ts';
import { createTokenRefusals, type TokenRefusal } from './token-refusals.ts';

/** A refused request, to be audited by the registry. */
export interface Refusal {
  readonly requestId: string;
  readonly caller: SignedCaller;
  /** `noun.verb`: `document.execute`, `request.refuse`, `payment.confirm` … */
  readonly action: string;
  /** What was asked for: `document`, `operation`, `route`. */
  readonly entity: string;
  readonly entityId: string | null;
  readonly code: ErrorCode;
  /** Without personal data. */
  readonly message: string;
}

/** That a token used something. */
export interface Use {
  readonly integrationId: string;
  readonly tokenId: string;
  /** A document's id or an operation's name. */
  readonly operation: string;
}

/**
 * What the gateway has seen, on its way to the registry. Refusals of known callers arrive at least once: a batch that
 * holds one is on disk before it is sent and is sent again, under the same id, until the registry has taken it.
 */
export interface ReportSpool {
  refused(refusal: Refusal): void;
  /** Summed up per source or token and minute, so that a flood of bad tokens cannot fill the audit log. */
  refusedToken(refusal: TokenRefusal): void;
  used(use: Use): void;
  compiled(documentId: string, integrationId: string, error: string | null): void;
  /** May be lost: with this process, and when more come than anybody would read. */
  requested(request: SeenRequest): void;
  close(): Promise<void>;
}

export interface SpoolOptions {
  readonly client: Pick<RegistryClient, 'report'>;
  readonly files: SpoolFiles;
  readonly gatewayId: string;
  readonly now: () => Date;
  readonly log: Logger;
  readonly metrics: Pick<GatewayMetrics, 'refused' | 'unlisted'>;
}

type Reported = ControlReport['refusals'][number];

const FLUSH_MS = 250;
const MAX_REFUSALS_PER_BATCH = 500;
/** Beyond this nothing more is sealed; refusals of one caller for one reason are then counted together. */
const MAX_WAITING_BATCHES = 200;
const MAX_USES = 20_000;
const REFUSES_THE_BATCH = new Set([400, 413, 422]);

export function openSpool(options: SpoolOptions): ReportSpool {
  const tokens = createTokenRefusals(options.now);
  const waiting: ControlReport[] = [];
  let refusals: Reported[] = [];
  let compiled: ControlReport['compiled'] = [];
  let uses = new Map<string, ControlReport['uses'][number]>();
  const requests = createSeenRequests(options.metrics.unlisted);
  let flushing: Promise<void> | undefined;
  let restored = false;

  const seal = async (final: boolean) => {
    refusals.push(...tokens.due(final));
    // One batch at a time: while the registry is away they are not piled up.
    let seen = waiting.length === 0 ? requests.take() : [];
    while (refusals.length > 0 || compiled.length > 0 || uses.size > 0 || seen.length > 0) {
      const batch: ControlReport = {
        batch_id: newId('req'),
        gateway_id: options.gatewayId,
        refusals: refusals.slice(0, MAX_REFUSALS_PER_BATCH),
        uses: [...uses.values()],
        compiled,
        requests: seen,
      };
      seen = [];
      refusals = refusals.slice(MAX_REFUSALS_PER_BATCH);
      uses = new Map();
      compiled = [];
      waiting.push(batch);
      if (batch.refusals.length > 0) await options.files.keep(batch);
    }
  };
  /** False when the registry refuses the batch itself: it must not block those behind it. */
  const report = async (batch: ControlReport): Promise<boolean> => {
    try {
      await options.client.report(batch);
      return true;
    } catch (error) {
      if (!(error instanceof RegistryAnswerError) || !REFUSES_THE_BATCH.has(error.status)) throw error;
      options.log.error({ batch: batch.batch_id, status: error.status }, 'report.refused');
      return false;
    }
  };
  const send = async () => {
    for (let batch = waiting[0]; batch !== undefined; batch = waiting[0]) {
      const taken = await report(batch);
      waiting.shift();
      await (taken ? options.files.forget(batch.batch_id) : options.files.setAside(batch.batch_id));
    }
  };
  const flush = async (final = false) => {
    try {
      if (!restored) {
        restored = true;
        waiting.push(...(await options.files.kept()));
      }
      if (waiting.length < MAX_WAITING_BATCHES) await seal(final);
      await send();
    } catch (error) {
      options.log.warn(
        { reason: error instanceof Error ? error.message : 'unknown', waiting: waiting.length },
        'report.waiting',
      );
    }
  };
  const timer = setInterval(() => {
    flushing ??= flush().finally(() => {
      flushing = undefined;
    });
  }, FLUSH_MS);
  timer.unref();

  return {
    refused(refusal) {
      options.metrics.refused(refusal.code);
      const reported = toReported(refusal, options.now());
      const full = refusals.length >= MAX_REFUSALS_PER_BATCH * 2;
      const same = full ? refusals.find((one) => sameKind(one, reported)) : undefined;
      if (same === undefined) refusals.push(full ? { ...reported, entity_id: null } : reported);
      else same.count += 1;
    },
    refusedToken(refusal) {
      options.metrics.refused(refusal.code);
      tokens.add(refusal);
    },
    used({ integrationId, tokenId, operation }) {
      const key = `${tokenId} ${operation}`;
      const last_used_at = options.now().toISOString();
      const use = uses.get(key);
      if (use !== undefined) {
        use.count += 1;
        use.last_used_at = last_used_at;
      } else if (uses.size < MAX_USES) {
        uses.set(key, { integration_id: integrationId, token_id: tokenId, operation, count: 1, last_used_at });
      }
    },
    requested: requests.add,
    compiled(documentId, integrationId, error) {
      compiled.push({ document_id: documentId, integration_id: integrationId, ok: error === null, error });
    },
    async close() {
      clearInterval(timer);
      await flushing;
      await flush(true);
    },
  };
}

function toReported(refusal: Refusal, now: Date): Reported {
  return {
    integration_id: refusal.caller.kind === 'integration' ? refusal.caller.integrationId : null,
    actor: actorOf(refusal.caller),
    action: refusal.action,
    entity: refusal.entity,
    entity_id: refusal.entityId,
    code: refusal.code satisfies ErrorCode,
    message: refusal.message,
    request_id: refusal.requestId,
    occurred_at: now.toISOString(),
    count: 1,
  };
}

const sameKind = (one: Reported, other: Reported): boolean =>
  one.actor === other.actor && one.code === other.code && one.action === other.action && one.entity_id === null;
