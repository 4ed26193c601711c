import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_HEADS_FILE, readHeads } from '@bridgework/kernel/audit-heads';
import {
  type AuditFault,
  type AuditHead,
  type AuditVerification,
  verifyAuditChain,
} from '@bridgework/kernel/audit-seals';
import type { AuditVerifyConfig } from '@bridgework/kernel/config';
import { openDatabase } from '@bridgework/kernel/database';
import { readPublicKeys, readSigningKey } from '@bridgework/kernel/signed-caller';
import { PlainError } from './plain-error.ts';
import { databaseUrl } from './sandbox-database.ts';
import { FILES } from './sandbox-files.ts';
import { readState } from './sandbox-state.ts';
import { readSecrets } from './secrets.ts';

/** Where the log is, where its exported heads are, and whose signature they carry. */
export interface AuditSource {
  readonly databaseUrl: string;
  readonly headsFile: string;
  readonly publicKeys: ReturnType<typeof readPublicKeys>;
}

export interface AuditReport {
  readonly whole: boolean;
  readonly lines: readonly string[];
}

/** The sandbox of this data folder, or whatever database the settings name. */
export function findAuditSource(config: AuditVerifyConfig): AuditSource {
  if (config.WORKERS_DATABASE_URL !== undefined) {
    if (config.AUDIT_PUBLIC_KEY === undefined) {
      throw new PlainError('AUDIT_PUBLIC_KEY is missing: without it anybody could have written the exported heads.');
    }
    return {
      databaseUrl: config.WORKERS_DATABASE_URL,
      headsFile: join(config.DATA_DIR, AUDIT_HEADS_FILE),
      publicKeys: readPublicKeys(config.AUDIT_PUBLIC_KEY),
    };
  }
  const secretsFile = join(config.DATA_DIR, FILES.secrets);
  const port = readState(join(config.DATA_DIR, FILES.state)).databasePort;
  if (!existsSync(secretsFile) || port === undefined) {
    throw new PlainError(`There is no sandbox in ${config.DATA_DIR}. Start one first: npm start`);
  }
  const secrets = readSecrets(secretsFile);
  const key = readSigningKey(secrets.auditSigningKey);
  return {
    databaseUrl: databaseUrl(port, 'bridgework_workers', secrets.rolePasswords.bridgework_workers),
    headsFile: join(config.DATA_DIR, 'workers', AUDIT_HEADS_FILE),
    publicKeys: new Map([[key.keyId, createPublicKey(key.privateKey)]]),
  };
}

/** Recomputes the chain in the database and compares it with every head that was exported. */
export async function verifyAudit(source: AuditSource): Promise<AuditReport> {
  const hasFile = existsSync(source.headsFile);
  const kept = readHeads(hasFile ? readFileSync(source.headsFile, 'utf8') : '', source.publicKeys);
  const found = await readVerification(source, kept.heads);
  const faults = [
    ...found.faults.map(describe),
    ...(found.unsealedCount > 0
      ? [`${found.unsealedCount} entries have waited for their seal for more than 5 s: the workers do not seal.`]
      : []),
    ...(kept.badLines.length > 0
      ? [`${source.headsFile}: not signed by the audit key, or no head at all: line ${kept.badLines.join(', ')}.`]
      : []),
    ...(found.head !== null && kept.heads.length === 0
      ? [`No exported head in ${source.headsFile}: a tail that was cut off cannot be seen.`]
      : []),
  ];
  const whole = faults.length === 0;
  const exported = kept.heads.length;
  return {
    whole,
    lines: [
      whole ? 'The audit log is whole.' : 'The audit log is NOT whole.',
      `Sealed and verified up to position ${found.verifiedPosition}; the newest seal is ${found.head?.hash ?? 'none'}.`,
      ...(whole ? [`${exported} exported ${exported === 1 ? 'head agrees' : 'heads agree'}.`] : faults),
    ],
  };
}

async function readVerification(source: AuditSource, heads: readonly AuditHead[]) {
  const database = openDatabase({
    ...{ url: source.databaseUrl, applicationName: 'audit verify' },
    maxConnections: 1,
  });
  try {
    return await verifyAuditChain(database.db, { keptHeads: heads });
  } catch (error) {
    throw unreachable(error) ?? error;
  } finally {
    await database.close();
  }
}

function unreachable(error: unknown): PlainError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (code !== 'ECONNREFUSED') continue;
    return new PlainError('The database does not answer. Start it first (the sandbox: npm start).', { cause: error });
  }
  return undefined;
}

const WORDS: Readonly<Record<AuditFault['kind'], string>> = {
  SEAL_MISSING: 'a seal was deleted or moved',
  ENTRY_DELETED: 'the entry of a seal was deleted',
  ENTRY_OR_SEAL_EDITED: 'an entry, its place or its seal was changed',
  CHAIN_BROKEN: 'the seal does not continue the one before it',
  ENTRY_WITHOUT_SEAL: 'an entry is neither sealed nor waiting for its seal',
  UNSEALED: 'an entry waits for its seal',
  TAIL_CUT_OFF: 'the exported head is not in the chain: the log was cut off or rewritten before it',
};

const describe = ({ kind, position, entryId }: AuditVerification['faults'][number]): string =>
  `Fault${position === null ? '' : ` at position ${position}`}${entryId === null ? '' : ` (entry ${entryId})`}: ${WORDS[kind]}.`;
