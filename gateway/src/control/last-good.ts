import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SignedSnapshot } from '@bridgework/schema';
import { z } from 'zod';
import { parseJson } from './snapshot.ts';

/**
 * What a gateway needs to go on while the registry is away: the last snapshot as it was signed, and the texts it names.
 * The file is believed for the snapshot's signature and the texts' hashes, not for where it lies.
 */
const LastGood = z.object({
  snapshot: SignedSnapshot,
  documents: z.array(z.object({ id: z.string(), text: z.string() })),
});
export type LastGood = z.infer<typeof LastGood>;

export interface LastGoodFile {
  /** Undefined when there is none or it cannot be read. */
  read(): Promise<LastGood | undefined>;
  write(value: LastGood): Promise<void>;
}

/** Kept at `<DATA_DIR>/gateway/last-good-snapshot.json`, mode 0600, replaced as a whole. */
export function lastGoodFile(dataDir: string): LastGoodFile {
  const path = join(dataDir, 'gateway', 'last-good-snapshot.json');
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      const parsed = text === undefined ? undefined : LastGood.safeParse(parseJson(text));
      return parsed?.success === true ? parsed.data : undefined;
    },
    async write(value) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${randomBytes(6).toString('hex')}`;
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(JSON.stringify(value));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
  };
}
