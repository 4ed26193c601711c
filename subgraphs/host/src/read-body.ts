import type { IncomingMessage } from 'node:http';
import { DomainError } from '@bridgework/kernel/errors';

export const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** The whole body as it was sent. Throws PAYLOAD_TOO_LARGE beyond 2 MB, MALFORMED_JSON when it is not UTF-8. */
export async function readBody(request: IncomingMessage): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new DomainError('PAYLOAD_TOO_LARGE');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new DomainError('PAYLOAD_TOO_LARGE');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new DomainError('MALFORMED_JSON', { cause });
  }
}
