import { appendFile } from 'node:fs/promises';
import type { MessageChannel } from '@bridgework/integration';
import type { Provider } from './provider.ts';
import { countSegments } from './segments.ts';

/**
 * The sandbox's provider: every message becomes a line of a file, to be read by people and tests, and is delivered with
 * that. The number is written masked: fake data should look as real data is treated.
 */
export const createCapture = (channel: MessageChannel, file: string): Provider => ({
  name: 'capture',
  channel,
  async send(message, { text }) {
    const { id, template, locale, phone } = message;
    const to = `••••••${phone.slice(-2)}`;
    const line = JSON.stringify({ id, channel, template, locale, to, text, segments: countSegments(text) });
    try {
      await appendFile(file, `${line}\n`, { mode: 0o600 });
      return { kind: 'accepted', providerMessageId: `captured-${id}`, delivered: true };
    } catch {
      return { kind: 'refused', why: 'file', unreachable: true };
    }
  },
});
