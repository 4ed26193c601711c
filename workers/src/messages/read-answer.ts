import type { EgressAnswer } from '../outbound/egress.ts';
import { isUnreachable, nameOutcome } from '../outbound/outcome.ts';
import type { ProviderAnswer } from './provider.ts';

/** How a provider's JSON is to be read. */
export interface AnswerReader {
  /** The provider's id of a message that it took; undefined when the answer says nothing of the kind. */
  readonly acceptedId: (body: unknown) => string | undefined;
  /** The code by which it refuses this very message; undefined when that is not what the answer says. */
  readonly rejectedCode: (body: unknown) => string | undefined;
  /** Among those codes, the ones that say that the number wants silence. */
  readonly optedOutCodes: ReadonlySet<string>;
}

/** Failures before anything could be taken. */
const NOTHING_SENT = new Set(['dns', 'connect', 'tls', 'blocked']);
/** Statuses by which a message can be refused for what it is; all others are about us or the provider. */
const ABOUT_THE_MESSAGE = new Set([400, 404, 422]);

/** Tells apart what was taken, what will never be, what was not and may be tried again, and what nobody knows. */
export function readProviderAnswer({ outcome, responsePrefix }: EgressAnswer, reader: AnswerReader): ProviderAnswer {
  if (outcome.kind === 'failed') {
    const kind = NOTHING_SENT.has(outcome.failure) ? 'refused' : 'unclear';
    return { kind, why: nameOutcome(outcome), unreachable: isUnreachable(outcome) };
  }
  const body = parseJson(responsePrefix);
  const { status } = outcome;
  if (status >= 200 && status < 300) {
    const id = reader.acceptedId(body);
    if (id !== undefined) return { kind: 'accepted', providerMessageId: id, delivered: false };
    return { kind: 'unclear', why: 'nonsense', unreachable: false };
  }
  const code = ABOUT_THE_MESSAGE.has(status) ? reader.rejectedCode(body) : undefined;
  if (code !== undefined) return reader.optedOutCodes.has(code) ? { kind: 'opted-out' } : { kind: 'rejected', code };
  const asked = outcome.retryAfterSeconds;
  return {
    kind: 'refused',
    why: `http-${status}`,
    unreachable: false,
    ...(asked === undefined ? {} : { retryAfterSeconds: asked }),
  };
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
