import { type DestinationStream, type Logger as Pino, pino } from 'pino';
import { linesTogether, MAX_WAITING } from './lines-together.ts';

export type Logger = Pino;

/**
 * Structured lines on standard output, one process name each. Values under these keys never reach a log: secrets, and
 * whatever could name a patient.
 */
const REDACTED_KEYS = [
  'authorization',
  'token',
  'secret',
  'password',
  'signature',
  'jwt',
  'cookie',
  'full_name',
  'fullName',
  'displayName',
  'display_name',
  'phone',
  'phone_e164',
  'email',
  'variables',
  'body',
];

/** It begins to write when it is told to, not by itself: then a line that must be out at once can be. */
const DESTINATION = { dest: 1, sync: false, minLength: MAX_WAITING, maxWrite: 2 * MAX_WAITING };

export function createLogger(
  process: string,
  options: { level?: string; pretty?: boolean; destination?: DestinationStream } = {},
): Logger {
  const settings = {
    name: process,
    level: options.level ?? 'info',
    base: { process },
    redact: { paths: REDACTED_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return pino(settings, options.destination ?? linesTogether(pino.destination(DESTINATION)));
}

/** For lines whose fields are all known to be harmless, written so often that looking through them would cost. */
export const withoutRedaction = (log: Logger): Logger => log.child({}, { redact: [] });
