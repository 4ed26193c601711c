import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { CommandLineConfig } from '@bridgework/kernel/config';
import { UsageError } from './plain-error.ts';

/** Where a command reads and writes. Whoever tests a command gives it another one. */
export interface Terminal {
  /** The folder that relative paths are understood from. */
  readonly cwd: string;
  /** DATA_DIR is absolute here. */
  readonly config: CommandLineConfig;
  /** Results: stdout. */
  readonly out: (line: string) => void;
  /** Progress and complaints: stderr. */
  readonly say: (line: string) => void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Given<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** One subcommand, whole: what it is called, how it is explained, what it takes and what it does. */
export interface CommandDefinition<O extends Options> {
  /** The words behind `bridgework`: `documents publish`. */
  readonly name: string;
  readonly summary: string;
  /** Shown by `--help`, below the usage line. */
  readonly help: string;
  /** What follows the name, as the usage line shows it. */
  readonly usage: string;
  /** As `util.parseArgs` takes them; `--help` is understood everywhere. */
  readonly options: O;
  /** How many arguments stand beside the options. */
  readonly positionals: number;
  /** Answers the exit code. Throws a PlainError for a sentence to the person at the terminal. */
  run(given: Given<O>, terminal: Terminal): Promise<number>;
}

export interface Command extends Pick<CommandDefinition<Options>, 'name' | 'summary' | 'help' | 'usage'> {
  run(words: readonly string[], terminal: Terminal): Promise<number>;
}

/** Gives a command's `run` its options by name and type. */
export function defineCommand<const O extends Options>(definition: CommandDefinition<O>): Command {
  return {
    ...definition,
    run(words, terminal) {
      const given = read(definition, words);
      if (given.positionals.length !== definition.positionals) {
        throw new UsageError(`Usage: bridgework ${definition.name} ${definition.usage}`);
      }
      return definition.run(given, terminal);
    },
  };
}

function read<O extends Options>({ name, options }: CommandDefinition<O>, words: readonly string[]): Given<O> {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch (error) {
    const [reason] = (error as Error).message.split('. ');
    throw new UsageError(`${reason}. bridgework ${name} --help shows what there is.`, { cause: error });
  }
}
