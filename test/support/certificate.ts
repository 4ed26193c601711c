import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate for a host that nobody vouches for; with negative days it has expired too. Made by the system's openssl. */
export function makeCertificate({ host, days }: { readonly host: string; readonly days: number }) {
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-tls-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    writeFileSync(file('names'), `subjectAltName=DNS:${host}`);
    openssl('req', '-new', ...curve, '-keyout', file('key'), '-out', file('request'), '-subj', `/CN=${host}`);
    const signed = ['-in', file('request'), '-signkey', file('key'), '-days', String(days), '-extfile', file('names')];
    openssl('x509', '-req', ...signed, '-out', file('certificate'));
    return { key: readFileSync(file('key')), cert: readFileSync(file('certificate')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
