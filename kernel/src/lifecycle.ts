import { readLogLevel, SettingsError } from './config.ts';
import { createLogger, type Logger } from './logger.ts';

/** What a process gives back once it serves. */
export interface Running {
  /** Finishes what is under way and lets go of everything; called once. */
  close(): Promise<void>;
}

/** How long a process may take to finish what is under way when it is told to stop. */
const CLOSE_DEADLINE_MS = 10_000;

/**
 * The frame of a composition root. Starts the process, tells the parent over IPC when it serves (`{ready: true}`), and
 * ends it well: on SIGTERM, SIGINT, or when the parent that started it is gone. Settings that are wrong are printed as
 * the plain sentence they are; any error nobody caught is logged and ends the process with 1, because what it left
 * behind is unknown.
 */
export function runProcess(name: string, start: (input: { readonly log: Logger }) => Promise<Running>): void {
  const log = createLogger(name, { level: readLogLevel() });
  let starting: Promise<Running> | undefined;
  let ending = false;

  const fail = (error: unknown) => {
    if (error instanceof SettingsError) process.stderr.write(`${error.message}\n`);
    else log.fatal({ err: error }, 'process.crashed');
    process.exit(1);
  };
  const end = async (reason: string) => {
    if (ending) return;
    ending = true;
    log.info({ reason }, 'process.stopping');
    setTimeout(() => {
      log.error('process.stop_overdue');
      process.exit(1);
    }, CLOSE_DEADLINE_MS).unref();
    // Told to stop while starting: what has started by then must be closed all the same.
    const running = await starting;
    await running?.close();
    log.info('process.stopped');
    process.exit(0);
  };
  const endOn = (reason: string) => () => {
    end(reason).catch(fail);
  };

  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('SIGTERM', endOn('SIGTERM'));
  process.on('SIGINT', endOn('SIGINT'));
  // Without its parent nobody supervises this process, and a second start would find it in the way.
  process.on('disconnect', endOn('parent gone'));

  starting = start({ log });
  starting.then(() => {
    if (ending) return;
    log.info('process.ready');
    if (process.connected) process.send?.({ ready: true });
  }, fail);
}
