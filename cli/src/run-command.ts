import type { Command, Terminal } from './command.ts';
import { COMMANDS } from './commands.ts';
import { PlainError, UsageError } from './plain-error.ts';

/** Runs the subcommand that the words name and answers its exit code: 0 done, 1 refused or failed, 2 not understood. */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const asksForHelp = words.some((word) => word === '--help' || word === '-h');
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, at) => words[at] === word));
  if (command === undefined) {
    const isQuestion = asksForHelp || words.length === 0;
    if (!isQuestion) terminal.say(`bridgework does not know "${words.join(' ')}".\n`);
    (isQuestion ? terminal.out : terminal.say)(overview());
    return isQuestion ? 0 : 2;
  }
  if (asksForHelp) {
    terminal.out(describe(command));
    return 0;
  }
  try {
    return await command.run(words.slice(command.name.split(' ').length), terminal);
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    terminal.say(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    'npx --no-install bridgework <command>',
    '',
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'bridgework <command> --help says more.',
  ].join('\n');
}

const describe = ({ name, usage, help }: Command): string => `npx --no-install bridgework ${name} ${usage}\n\n${help}`;
