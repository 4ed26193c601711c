import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { LOGIN_ROLES, type LoginRole } from '@bridgework/kernel/migrate';
import type { JWK } from 'jose';
import { generateIssuerKey } from './development-issuer.ts';
import { PlainError } from './plain-error.ts';

/** What the sandbox's processes need to trust each other; made once and kept in one file with mode 0600. */
export interface Secrets {
  readonly superuserPassword: string;
  readonly rolePasswords: Readonly<Record<LoginRole, string>>;
  /** `<key id>:<base64 of PKCS#8 or SPKI DER>`, Ed25519. */
  readonly callerSigningKey: string;
  readonly callerPublicKey: string;
  readonly registrySigningKey: string;
  readonly registryPublicKey: string;
  readonly auditSigningKey: string;
  /** `<key id>:<base64 of 32 bytes>`. */
  readonly tokenPepper: string;
  readonly secretsKey: string;
  readonly cursorKey: string;
  readonly issuerKey: JWK;
}

/** Throws when there is data but the secrets it was made with are gone. */
export async function readOrMakeSecrets(file: string, dataExists: boolean): Promise<Secrets> {
  if (existsSync(file)) return readSecrets(file);
  if (dataExists) {
    throw new PlainError(
      `The data folder is half initialised: there is a database, but its secrets (${file}) are missing. Restore that file, or forget the data: npm run reset`,
    );
  }
  const secrets = await makeSecrets();
  writePrivately(file, secrets);
  return secrets;
}

/** Throws when the file is no longer what was written. */
export function readSecrets(file: string): Secrets {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Secrets;
  } catch (cause) {
    throw new PlainError(`${file} cannot be read. Restore it, or forget the data: npm run reset`, { cause });
  }
}

/** Mode 0600 from the first byte on, and never half written. */
export function writePrivately(file: string, content: unknown): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/** New keys, pepper and passwords, each random. */
export async function makeSecrets(): Promise<Secrets> {
  const caller = makeKeyPair('caller-1');
  const registry = makeKeyPair('registry-1');
  return {
    superuserPassword: makePassword(),
    rolePasswords: Object.fromEntries(LOGIN_ROLES.map((role) => [role, makePassword()])) as Record<LoginRole, string>,
    callerSigningKey: caller.privateKey,
    callerPublicKey: caller.publicKey,
    registrySigningKey: registry.privateKey,
    registryPublicKey: registry.publicKey,
    auditSigningKey: makeKeyPair('audit-1').privateKey,
    tokenPepper: makeKey('pepper-1'),
    secretsKey: makeKey('secrets-1'),
    cursorKey: makeKey('cursor-1'),
    issuerKey: await generateIssuerKey(),
  };
}

const makePassword = (): string => randomBytes(24).toString('base64url');
const makeKey = (keyId: string): string => `${keyId}:${randomBytes(32).toString('base64')}`;

function makeKeyPair(keyId: string): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: `${keyId}:${privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')}`,
    publicKey: `${keyId}:${publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`,
  };
}
