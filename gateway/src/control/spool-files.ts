import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlReport } from '@bridgework/schema';
import { parseJson } from './snapshot.ts';

/** Batches that must not get lost, one file each, mode 0600, in `<DATA_DIR>/gateway/reports`. */
export interface SpoolFiles {
  keep(batch: ControlReport): Promise<void>;
  forget(batchId: string): Promise<void>;
  /** The registry will never take it: kept beside the others for a person to look at. */
  setAside(batchId: string): Promise<void>;
  /** Left by an earlier process, oldest id first; what cannot be read is left where it is. */
  kept(): Promise<ControlReport[]>;
}

export function spoolFiles(dataDir: string): SpoolFiles {
  const folder = join(dataDir, 'gateway', 'reports');
  const pathOf = (batchId: string) => join(folder, `${batchId}.json`);
  return {
    async keep(batch) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const temporary = `${pathOf(batch.batch_id)}.part`;
      await writeFile(temporary, JSON.stringify(batch), { mode: 0o600 });
      await rename(temporary, pathOf(batch.batch_id));
    },
    forget: (batchId) => rm(pathOf(batchId), { force: true }),
    setAside: (batchId) => rename(pathOf(batchId), `${pathOf(batchId)}.refused`).catch(() => undefined),
    async kept() {
      const names = await readdir(folder).catch(() => []);
      const batches: ControlReport[] = [];
      for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
        const parsed = ControlReport.safeParse(parseJson(await readFile(join(folder, name), 'utf8')));
        if (parsed.success) batches.push(parsed.data);
      }
      return batches;
    },
  };
}
