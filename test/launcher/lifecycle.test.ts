import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('./fixtures/echo-process.ts', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

function start(mode = 'serve'): Started {
  const child = fork(program, [mode], {
    execArgv: ['--import', 'tsx', '--conditions', '@bridgework/source'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    text += String(chunk);
  });
  // Not 'close': a child whose channel was disconnected never emits it.
  const ends = [child.stdout, child.stderr].map((stream) => stream && once(stream, 'end'));
  const exited = Promise.all([once(child, 'exit'), ...ends]).then(([[code]]) => code as number | null);
  return { child, output: () => text, exited };
}

test.each(['SIGTERM', 'SIGINT'] as const)('closes well on %s and exits with 0', async (signal) => {
  const { child, output, exited } = start();
  expect((await once(child, 'message'))[0]).toEqual({ ready: true });
  child.kill(signal);
  expect(await exited).toBe(0);
  expect(output()).toContain('closed well');
});

test('ends when its parent is gone', async () => {
  const { child, output, exited } = start();
  await once(child, 'message');
  child.disconnect();
  expect(await exited).toBe(0);
  expect(output()).toContain('closed well');
});

test('prints settings that need attention as plain sentences', async () => {
  const { output, exited } = start('settings');
  expect(await exited).toBe(1);
  expect(output()).toContain('The gateway cannot start; its settings need attention:');
  expect(output()).toContain('  - TOKEN_PEPPER is missing');
  expect(output()).not.toContain('    at ');
});

test('logs an error that nobody caught and exits with 1', async () => {
  const { output, exited } = start('crash');
  expect(await exited).toBe(1);
  expect(output()).toContain('a fault nobody caught');
});
