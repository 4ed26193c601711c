import { type DestinationStream, type Logger as Pino, pino } from 'pino';

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

/** Lines go out together, soon, and at once when the process ends or says `fatal`: a write apiece costs more than the line. */
const BATCHED = { dest: 1, sync: false, minLength: 32_768, maxWrite: 65_536, periodicFlush: 100 };

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
  return pino(settings, options.destination ?? pino.destination(BATCHED));
}

/** For lines whose fields are all known to be harmless, written so often that looking through them would cost. */
export const withoutRedaction = (log: Logger): Logger => log.child({}, { redact: [] });
