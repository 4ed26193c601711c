import { resolve } from 'node:path';
import { readCommandLineConfig, SettingsError } from '@bridgework/kernel/config';
import { runCommand } from './run-command.ts';

export interface MainOptions {
  /** The project's folder, from which a relative DATA_DIR is understood. */
  readonly root: string;
  readonly cwd: string;
}

/** COMPOSITION ROOT of `npx bridgework`. Sets the exit code: 0 done, 1 refused or failed, 2 not understood. */
export async function main(words: readonly string[], { root, cwd }: MainOptions): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    const given = readCommandLineConfig();
    process.exitCode = await runCommand(words, {
      cwd,
      config: { ...given, DATA_DIR: resolve(root, given.DATA_DIR) },
      out: (line) => void process.stdout.write(`${line}\n`),
      say,
      signal: interrupt.signal,
    });
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof SettingsError) say(error.message);
    else throw error;
  }
}
