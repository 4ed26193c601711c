/**
 * Holds the reference against the released one and ends with 1 when a partner would notice the difference: additive
 * changes alone may happen inside a version. `--release` makes the current reference the released one.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contract, findBreakingChanges } from '../breaking/breaking-changes.ts';
import { VERSIONS } from '../versions.ts';

const folder = join(import.meta.dirname, '../../../../schema/rest');
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Contract;

for (const { major } of VERSIONS) {
  const current = join(folder, `${major}.openapi.json`);
  const released = join(folder, 'released', `${major}.openapi.json`);
  if (process.argv.includes('--release')) {
    mkdirSync(join(folder, 'released'), { recursive: true });
    copyFileSync(current, released);
  } else if (existsSync(released)) {
    for (const change of findBreakingChanges(read(released), read(current))) {
      console.error(`${major} breaks its partners: ${change}`);
      process.exitCode = 1;
    }
  }
}
