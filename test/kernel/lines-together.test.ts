import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** What a process that logs two lines, and then ends in its own way, leaves on its standard output. */
function logged(end: string): string[] {
  const logger = fileURLToPath(new URL('../../kernel/src/logger.ts', import.meta.url));
  const text = `const { createLogger } = await import(${JSON.stringify(logger)});
const log = createLogger('test');
log.info('first');
log.info('second');
${end}`;
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', text], {
    encoding: 'utf8',
  });
  const lines = stdout.trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

test.each([
  ['comes to its end', ''],
  ['is told to exit', 'process.exit(1);'],
  ['crashes', "throw new Error('crash');"],
])('no line is lost when the process %s', (_how, end) => {
  expect(logged(end)).toEqual(['first', 'second']);
});

test('a fatal line is out at once, with those before it', () => {
  expect(logged("log.fatal('last'); process.kill(process.pid, 'SIGKILL');")).toEqual(['first', 'second', 'last']);
});
