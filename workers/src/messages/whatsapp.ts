import { WhatsAppAccepted, WhatsAppRefused } from '@bridgework/schema';
import type { Egress } from '../outbound/egress.ts';
import { KEEP_BYTES, type Provider } from './provider.ts';
import { type AnswerReader, readProviderAnswer } from './read-answer.ts';

export interface WhatsAppSettings {
  /** `https://graph.facebook.com/v23.0`. */
  readonly url: string;
  readonly phoneNumberId: string;
  readonly accessToken: string;
}

/** Limits of the account and faults of Meta's own; all other codes of a 400 are about the message. */
const ABOUT_THE_PROVIDER = new Set([
  1, 2, 4, 10, 190, 368, 80_007, 130_429, 131_000, 131_016, 131_048, 131_056, 133_004,
]);

const READER: AnswerReader = {
  acceptedId: (body) => WhatsAppAccepted.safeParse(body).data?.messages[0].id,
  rejectedCode: (body) => {
    const code = WhatsAppRefused.safeParse(body).data?.error.code;
    return code === undefined || ABOUT_THE_PROVIDER.has(code) ? undefined : code.toString();
  },
  // "User has stopped to receive messages from this business."
  optedOutCodes: new Set(['131050']),
};

/** WhatsApp Cloud API: approved templates alone, with the values that fill them. */
export function createWhatsApp(settings: WhatsAppSettings, egress: Pick<Egress, 'post'>): Provider {
  const url = `${settings.url.replace(/\/$/, '')}/${encodeURIComponent(settings.phoneNumberId)}/messages`;
  const headers = { authorization: `Bearer ${settings.accessToken}`, 'content-type': 'application/json' };
  return {
    name: 'whatsapp',
    channel: 'WHATSAPP',
    async send(message, { values }) {
      const body = JSON.stringify({
        messaging_product: 'whatsapp',
        to: message.phone.replace('+', ''),
        type: 'template',
        template: {
          name: message.template,
          language: { code: message.locale },
          components: [{ type: 'body', parameters: values.map((text) => ({ type: 'text', text })) }],
        },
        // Comes back with every receipt.
        biz_opaque_callback_data: message.id,
      });
      const answer = await egress.post(url, { headers, body, keepBytes: KEEP_BYTES });
      return readProviderAnswer(answer, READER);
    },
  };
}
