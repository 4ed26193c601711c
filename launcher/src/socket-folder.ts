import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Beyond about 100 bytes the system silently cuts a socket's path, and two sockets can become one. */
const MAX_PATH_BYTES = 100;
const LONGEST_NAME = 'appointment.sock';

/**
 * A private folder for the subgraphs' sockets: below the data, or when that path is too long below the temporary folder
 * under a hash of it. Undefined when neither will do; the subgraphs then listen on loopback ports.
 */
export function makeSocketFolder(dataDir: string): string | undefined {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const candidates = [join(dataDir, 'sockets'), join(tmpdir(), `bridgework-${hash}`)];
  return candidates.find(
    (folder) => Buffer.byteLength(join(folder, LONGEST_NAME)) <= MAX_PATH_BYTES && isPrivate(folder),
  );
}

/** Ours alone: somebody else's folder of this name, or a link to one, is not used. */
function isPrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { mode, uid } = lstatSync(folder);
    const isFolder = (mode & 0o170000) === 0o040000;
    return isFolder && (process.getuid === undefined || uid === process.getuid()) && (mode & 0o077) === 0;
  } catch {
    return false;
  }
}
