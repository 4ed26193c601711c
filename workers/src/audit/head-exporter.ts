import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AUDIT_HEADS_FILE, signHead } from '@bridgework/kernel/audit-heads';
import { readAuditHead } from '@bridgework/kernel/audit-seals';
import type { Context } from '@bridgework/kernel/context';
import { readSigningKey } from '@bridgework/kernel/signed-caller';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 60_000;
/** Until there is a first head: an empty log has none. */
const FIRST_EVERY_MS = 1_000;

export interface HeadExporterOptions {
  readonly dataDir: string;
  /** `<key id>:<base64 of an Ed25519 key, PKCS#8>`. */
  readonly signingKey: string;
}

/**
 * Each minute, and when it is closed, the signed head of the audit log leaves the database: a line in a file and a line
 * in the log. `audit.verify` with such a head shows a tail that was cut off before it.
 *
 * @see RFC 8032
 */
export function startHeadExporter(ctx: Context, options: HeadExporterOptions): Repeating {
  const key = readSigningKey(options.signingKey);
  let exported = 0;

  async function exportHead(): Promise<void> {
    const head = await readAuditHead(ctx.db);
    if (head === null || head.position === exported) return;
    const line = signHead(key, head, ctx.now());
    await mkdir(options.dataDir, { recursive: true });
    await appendFile(join(options.dataDir, AUDIT_HEADS_FILE), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    ctx.log.info(line, 'audit.head_exported');
    exported = head.position;
  }

  const repeating = repeat('audit.export_head', ctx.log, async () => {
    await exportHead();
    return exported === 0 ? FIRST_EVERY_MS : EVERY_MS;
  });
  return {
    async close() {
      await repeating.close();
      await exportHead().catch((error: unknown) => ctx.log.error({ err: error }, 'audit.head_not_exported'));
    },
  };
}
