import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Address } from '@bridgework/kernel/config';

/** Longer paths are cut by the system without a word, and two sockets can then be one. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Listens on an address. A socket lies in a folder that only its owner can enter; a file that a dead process left in its
 * place is removed, one that somebody answers on is not. Throws a sentence that says what to do.
 */
export async function listenOn(server: Server, address: Address): Promise<void> {
  if (address.kind === 'http') {
    await listen(server, { host: address.origin.hostname, port: Number(address.origin.port || 80) });
    return;
  }
  const { path } = address;
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(`The socket path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes; choose a shorter folder.`);
  }
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  assertPrivate(folder);
  await removeLeftOver(path);
  await listen(server, { path });
}

function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function assertPrivate(folder: string): void {
  const { mode, uid } = lstatSync(folder);
  if ((mode & 0o077) !== 0) throw new Error(`Other users can enter ${folder}; run chmod 700 on it, or choose another.`);
  if (uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user; choose another folder.`);
}

function removeLeftOver(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      reject(new Error(`Another process listens on ${path}; stop it, or choose another folder.`));
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return resolve();
      if (error.code !== 'ECONNREFUSED' || !lstatSync(path).isSocket()) return reject(error);
      rmSync(path);
      resolve();
    });
  });
}
