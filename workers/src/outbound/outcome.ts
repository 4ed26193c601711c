/** Why no answer came. `blocked` is our own egress guard; `unsendable` is a fault in the event itself. */
export const SEND_FAILURES = [
  'timeout',
  'dns',
  'connect',
  'tls',
  'reset',
  'malformed',
  'blocked',
  'unsendable',
] as const;
export type SendFailure = (typeof SEND_FAILURES)[number];

/** What came of one POST. */
export type SendOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'failed'; readonly failure: SendFailure };

export const isSuccess = (outcome: SendOutcome): boolean =>
  outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;

/** True when the receiver could not be reached at all, which opens a breaker sooner than a bad answer does. */
export const isUnreachable = (outcome: SendOutcome): boolean =>
  outcome.kind === 'failed' && UNREACHABLE.has(outcome.failure);

const UNREACHABLE: ReadonlySet<SendFailure> = new Set(['timeout', 'connect', 'dns']);

const SENTENCES: Record<SendFailure, string> = {
  timeout: 'there was no answer in time',
  dns: 'the host name cannot be resolved',
  connect: 'the connection was refused',
  tls: 'the certificate is not good',
  reset: 'the connection was broken off',
  malformed: 'the answer was not HTTP',
  blocked: 'the URL leads where webhooks may not go',
  unsendable: 'the event could not be written',
};

/** What went wrong, for people; ends without a full stop. */
export const describeFailure = (outcome: SendOutcome): string =>
  outcome.kind === 'failed' ? SENTENCES[outcome.failure] : `it answered ${outcome.status}`;

/** One word for the attempt's record: `ok`, `http`, or the failure. */
export function nameOutcome(outcome: SendOutcome): string {
  if (outcome.kind === 'failed') return outcome.failure;
  return isSuccess(outcome) ? 'ok' : 'http';
}
