import { createHmac, timingSafeEqual } from 'node:crypto';
import { isId } from '@bridgework/kernel/ids';
import {
  type CallbackNews,
  type CallbackReader,
  failureReason,
  type RawCallback,
  readPhone,
  readProviderId,
} from './callback.ts';

const STATES: Record<string, 'SENT' | 'DELIVERED' | 'FAILED'> = {
  sending: 'SENT',
  sent: 'SENT',
  delivered: 'DELIVERED',
  read: 'DELIVERED',
  undelivered: 'FAILED',
  failed: 'FAILED',
  canceled: 'FAILED',
};

/**
 * Base64 HMAC-SHA1, under the account's token, of the URL and of every parameter's name and value in the order of the
 * names. @see https://www.twilio.com/docs/usage/security#validating-requests
 */
export function twilioSignature(authToken: string, url: string, body: string): string {
  const parameters = [...new URLSearchParams(body)];
  // Byte by byte, as they sort; a value that comes twice is signed twice, in the order in which it came.
  const sorted = parameters.toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  const signed = url + sorted.map(([name, value]) => name + value).join('');
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64');
}

export const createTwilioCallback = (authToken: string): CallbackReader => ({
  channel: 'SMS',
  isSigned({ url, body, signature }) {
    const expected = Buffer.from(twilioSignature(authToken, url, body));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  },
  read,
});

function read({ url, body }: RawCallback): readonly CallbackNews[] {
  const form = new URLSearchParams(body);
  const state = STATES[form.get('MessageStatus') ?? form.get('SmsStatus') ?? ''];
  const from = readPhone(form.get('From') ?? '');
  const text = form.get('OptOutType') === 'STOP' ? 'STOP' : form.get('Body');
  // A receipt tells its status; a message that came in is "received".
  if (state === undefined) return from === undefined || text === null ? [] : [{ kind: 'reply', phone: from, text }];
  const named = URL.canParse(url) ? (new URL(url).searchParams.get('message') ?? '') : '';
  return [
    {
      kind: 'receipt',
      messageId: isId('msg', named) ? named : null,
      providerMessageId: readProviderId(form.get('MessageSid') ?? form.get('SmsSid')),
      state,
      reason: state === 'FAILED' ? failureReason(form.get('ErrorCode')) : null,
    },
  ];
}
