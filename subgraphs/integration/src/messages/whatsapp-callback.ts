import { createHmac, timingSafeEqual } from 'node:crypto';
import { isId } from '@bridgework/kernel/ids';
import { z } from 'zod';
import {
  type CallbackNews,
  type CallbackReader,
  failureReason,
  type RawCallback,
  readPhone,
  readProviderId,
} from './callback.ts';

const STATES: Record<string, 'SENT' | 'DELIVERED' | 'FAILED'> = {
  sent: 'SENT',
  delivered: 'DELIVERED',
  read: 'DELIVERED',
  failed: 'FAILED',
};

const Status = z.object({
  id: z.string(),
  status: z.string(),
  biz_opaque_callback_data: z.string().optional(),
  errors: z.array(z.object({ code: z.unknown() })).optional(),
});
const Message = z.object({
  from: z.string(),
  text: z.object({ body: z.string() }).optional(),
  button: z.object({ text: z.string() }).optional(),
});
/** Several changes in one callback; each is read for itself, so that one that is not understood hides no other. */
const Envelope = z.object({
  entry: z.array(
    z.object({
      changes: z.array(
        z.object({
          value: z.object({ statuses: z.array(z.unknown()).default([]), messages: z.array(z.unknown()).default([]) }),
        }),
      ),
    }),
  ),
});

/** `sha256=<hex HMAC-SHA256 of the body's bytes under the app's secret>`, as Meta writes X-Hub-Signature-256. */
export const whatsAppSignature = (appSecret: string, body: string): string =>
  `sha256=${createHmac('sha256', appSecret).update(body, 'utf8').digest('hex')}`;

export const createWhatsAppCallback = (appSecret: string): CallbackReader => ({
  channel: 'WHATSAPP',
  isSigned({ body, signature }) {
    const expected = Buffer.from(whatsAppSignature(appSecret, body));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  },
  read,
});

function read({ body }: RawCallback): readonly CallbackNews[] {
  const values = Envelope.safeParse(parseJson(body)).data?.entry.flatMap(({ changes }) => changes) ?? [];
  return values.flatMap(({ value }) => [...value.statuses.flatMap(readStatus), ...value.messages.flatMap(readReply)]);
}

function readStatus(given: unknown): readonly CallbackNews[] {
  const { data } = Status.safeParse(given);
  const state = data === undefined ? undefined : STATES[data.status];
  if (data === undefined || state === undefined) return [];
  const named = data.biz_opaque_callback_data ?? '';
  return [
    {
      kind: 'receipt',
      messageId: isId('msg', named) ? named : null,
      providerMessageId: readProviderId(data.id),
      state,
      reason: state === 'FAILED' ? failureReason(data.errors?.[0]?.code) : null,
    },
  ];
}

function readReply(given: unknown): readonly CallbackNews[] {
  const { data } = Message.safeParse(given);
  const phone = data === undefined ? undefined : readPhone(data.from);
  const text = data?.text?.body ?? data?.button?.text;
  return phone === undefined || text === undefined ? [] : [{ kind: 'reply', phone, text }];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
