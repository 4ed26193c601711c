import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { placeOfData } from '@bridgework/kernel/embedded-postgres';

/** The names of what the sandbox keeps in its data folder. */
export const FILES = {
  secrets: 'secrets.json',
  state: 'state.json',
  credentials: 'sandbox-credentials.json',
  logs: 'logs',
} as const;

export const databaseFolder = (dataDir: string): string => join(dataDir, 'postgres');

export const hasDatabase = (dataDir: string): boolean => existsSync(placeOfData(databaseFolder(dataDir)));
