import { setTimeout } from 'node:timers/promises';
import type { Logger } from '@bridgework/kernel/logger';
import { isEventType } from '@bridgework/schema';
import postgres, { type Sql } from 'postgres';
import { CHANGES } from './changes.ts';

export interface Simulator {
  /** Finishes the request under way. */
  close(): Promise<void>;
}

export interface SimulatorOptions {
  /** A login of the role core_app: the simulator may do what the clinic's core may, and nothing else. */
  readonly coreUrl: string;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 60;

/**
 * Plays the clinic's core: carries out each request that simulateCoreEvent left, by the real change of the clinic's
 * tables that this event tells of. The change and the request's end commit together; a change that fails is written
 * to the request.
 */
export function startSimulator({ coreUrl, log }: SimulatorOptions): Simulator {
  const sql = postgres(coreUrl, {
    max: 1,
    backoff: () => 0.25,
    connection: { application_name: 'core-simulator' },
    onnotice: () => undefined,
  });
  const stopped = new AbortController();
  const work = async () => {
    while (!stopped.signal.aborted) {
      try {
        while (await carryOutNext(sql, log));
      } catch (error) {
        // The database is away or the request was lost with its connection: it stays PENDING and is met again.
        log.warn({ err: error }, 'simulator.interrupted');
      }
      await setTimeout(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    close: async () => {
      stopped.abort();
      await working;
      await sql.end({ timeout: 5 });
    },
  };
}

/** True when there was a request. */
async function carryOutNext(sql: Sql, log: Logger): Promise<boolean> {
  return sql.begin(async (tx) => {
    const [request] = await tx<{ id: string; event_type: string }[]>`
      select id, event_type from integration.claim_core_event_request()`;
    if (request === undefined) return false;
    const { id, event_type: type } = request;
    const finish = (entityId: string | null, error: string | null) =>
      tx`select integration.finish_core_event_request(${id}, ${entityId}, ${error})`;
    try {
      if (!isEventType(type)) throw new Error(`The core knows no event ${type}.`);
      const entityId = await tx.savepoint((inner) => CHANGES[type](inner));
      await finish(entityId, null);
      log.info({ request: id, type, entityId }, 'core_event.simulated');
    } catch (error) {
      await finish(null, error instanceof Error ? error.message : String(error));
      log.warn({ request: id, type, err: error }, 'core_event.failed');
    }
    return true;
  });
}
