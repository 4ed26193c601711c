import type { ClaimedMessage, MessageChannel } from '@bridgework/integration';
import type { Rendered } from './templates.ts';

/** Someone who carries messages to telephones: a Twilio-like API, WhatsApp Cloud API, or the sandbox's capture. */
export interface Provider {
  /** As messages, alerts and callbacks name it. */
  readonly name: 'twilio' | 'whatsapp' | 'capture';
  readonly channel: MessageChannel;
  /** Never throws: whatever happens is an answer. Ends within {@link PROVIDER_DEADLINE_MS}. */
  send(message: ClaimedMessage, rendered: Rendered): Promise<ProviderAnswer>;
}

/** What a provider made of a request, as far as it can be known. */
export type ProviderAnswer =
  /** It took the message; a receipt may follow. `delivered` when there will be none and none is needed. */
  | { readonly kind: 'accepted'; readonly providerMessageId: string; readonly delivered: boolean }
  /** It will never send this one; the provider itself is well. */
  | { readonly kind: 'rejected'; readonly code: string }
  /** The number asked this provider for silence. */
  | { readonly kind: 'opted-out' }
  /** It is not well, and did not take the message. */
  | {
      readonly kind: 'refused';
      readonly why: string;
      readonly unreachable: boolean;
      readonly retryAfterSeconds?: number;
    }
  /** Nobody knows whether it took the message. */
  | { readonly kind: 'unclear'; readonly why: string; readonly unreachable: boolean };

export const PROVIDER_DEADLINE_MS = 10_000;
/** Of an answer that may be an object of some length. */
export const KEEP_BYTES = 16 * 1024;
