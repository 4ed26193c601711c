import type { MessageChannel } from './message.ts';

/** What a callback says, in the words of no provider. */
export type CallbackNews = Receipt | Reply;

export interface Receipt {
  readonly kind: 'receipt';
  /** Ours, when the provider gives it back. */
  readonly messageId: string | null;
  readonly providerMessageId: string | null;
  readonly state: 'SENT' | 'DELIVERED' | 'FAILED';
  /** `rejected:<code of the provider>`; of a failure alone. */
  readonly reason: string | null;
}

export interface Reply {
  readonly kind: 'reply';
  /** E.164. */
  readonly phone: string;
  readonly text: string;
}

/** One request of a provider, as it came. */
export interface RawCallback {
  /** The URL that it was sent to, as the provider knows it. */
  readonly url: string;
  readonly body: string;
  readonly signature: string;
}

export interface CallbackReader {
  readonly channel: MessageChannel;
  /** True when this is what the provider signed; takes the same time whatever is wrong. */
  readonly isSigned: (callback: RawCallback) => boolean;
  /** What it says; nothing when it speaks of something else. Never throws: what is signed may still be nonsense. */
  readonly read: (callback: RawCallback) => readonly CallbackNews[];
}

const PHONE = /^\+[1-9][0-9]{6,14}$/;

/** A number as the clinic writes it, or undefined. */
export function readPhone(text: string): string | undefined {
  const phone = text.replace(/^whatsapp:/, '').replace(/^(?=[1-9])/, '+');
  return PHONE.test(phone) ? phone : undefined;
}

/** A provider's id of a message, or null when it is nothing that could be one: PostgreSQL takes no U+0000, for example. */
export const readProviderId = (text: string | null): string | null =>
  text !== null && /^[\x21-\x7e]{1,200}$/.test(text) ? text : null;

/** A code that is safe to keep: a provider could write anything into it. */
export const failureReason = (code: unknown): string =>
  /^\d{1,6}$/.test(String(code ?? '')) ? `rejected:${String(code)}` : 'rejected';
