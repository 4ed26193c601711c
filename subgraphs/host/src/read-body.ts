import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { DomainError } from '@bridgework/kernel/errors';

export const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** The whole body as it was sent. Throws PAYLOAD_TOO_LARGE beyond 2 MB, MALFORMED_JSON when it is not UTF-8. */
export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      return reject(new DomainError('PAYLOAD_TOO_LARGE'));
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) return void chunks.push(chunk);
      // What is left is not read; the connection ends with the answer.
      request.pause();
      reject(new DomainError('PAYLOAD_TOO_LARGE'));
    });
    request.on('end', () => {
      const [first = Buffer.alloc(0)] = chunks;
      const whole = chunks.length <= 1 ? first : Buffer.concat(chunks);
      if (isUtf8(whole)) resolve(whole.toString('utf8'));
      else reject(new DomainError('MALFORMED_JSON'));
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.readableEnded) reject(new Error('The connection ended before the body did.'));
    });
  });
}
