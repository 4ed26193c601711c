import { existsSync, readFileSync } from 'node:fs';
import { writePrivately } from './secrets.ts';

/** What the sandbox remembers from start to start, beside its secrets. */
export interface SandboxState {
  readonly databasePort?: number;
  /** The endpoint's URL names it, so it must stay. */
  readonly receiverPort?: number;
}

export function readState(file: string): SandboxState {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SandboxState;
  } catch {
    // Ports are found again.
    return {};
  }
}

export const writeState = (file: string, state: SandboxState): void => writePrivately(file, state);
