import { TwilioAccepted, TwilioRefused } from '@bridgework/schema';
import type { Egress } from '../outbound/egress.ts';
import { KEEP_BYTES, type Provider } from './provider.ts';
import { type AnswerReader, readProviderAnswer } from './read-answer.ts';

export interface TwilioSettings {
  /** `https://api.twilio.com`, or whoever speaks the same API. */
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  /** The number or name messages come from. */
  readonly from: string;
  /** Origin that receipts are to be sent to; without it none are asked for. */
  readonly callbackOrigin: string | undefined;
}

const READER: AnswerReader = {
  acceptedId: (body) => TwilioAccepted.safeParse(body).data?.sid,
  rejectedCode: (body) => TwilioRefused.safeParse(body).data?.code.toString(),
  optedOutCodes: new Set(['21610']),
};

/** SMS by Twilio's Messages resource. Receipts name our own id, so that they find a message whose answer was lost. */
export function createTwilio(settings: TwilioSettings, egress: Pick<Egress, 'post'>): Provider {
  const account = encodeURIComponent(settings.accountSid);
  const url = `${settings.url.replace(/\/$/, '')}/2010-04-01/Accounts/${account}/Messages.json`;
  const credentials = Buffer.from(`${settings.accountSid}:${settings.authToken}`).toString('base64');
  const headers = { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' };
  return {
    name: 'twilio',
    channel: 'SMS',
    async send(message, { text }) {
      const form = new URLSearchParams({ To: message.phone, From: settings.from, Body: text });
      if (settings.callbackOrigin !== undefined) {
        form.set('StatusCallback', `${settings.callbackOrigin}/api/v1/callbacks/messages/twilio?message=${message.id}`);
      }
      const request = { headers, body: form.toString(), keepBytes: KEEP_BYTES };
      return readProviderAnswer(await egress.post(url, request), READER);
    },
  };
}
