#!/usr/bin/env node
/**
 * `npm test`: the whole suite (or the files named after `--`) by vitest, and at the very end one line that says how it
 * went: `123 passed, 0 failed`. Gives the Redis suites a server of their own when one is on PATH and REDIS_URL is not
 * set; when there is none, says so.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bridgework-test-run-'));
const report = join(scratch, 'report.json');

function findOnPath(names) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });

/** A Redis that keeps nothing on disk. */
async function startRedis(program) {
  const port = await freePort();
  const child = spawn(
    program,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', scratch],
    { stdio: 'ignore' },
  );
  const deadline = Date.now() + 10_000;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${program} did not start on port ${port}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { url: `redis://127.0.0.1:${port}`, stop };
}

/** What vitest counted. A file that failed to load counts as one failure, or a broken suite could look green. */
function readCounts() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const unloaded = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
    ).length;
    return {
      passed: numPassedTests,
      failed: numFailedTests + unloaded,
      skipped: numPendingTests + (numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

async function main() {
  const program = process.env.REDIS_URL ? undefined : findOnPath(['redis-server', 'valkey-server']);
  const redis = program === undefined ? undefined : await startRedis(program);
  const redisUrl = process.env.REDIS_URL || redis?.url;
  const vitest = spawn(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }) },
    },
  );
  // A terminal's Ctrl-C reaches vitest by itself; a plain signal is passed on. Either way what we started ends first.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => vitest.kill('SIGTERM'));
  const [code] = await once(vitest, 'exit');
  await redis?.stop();

  const { passed, failed, skipped } = readCounts();
  if (redisUrl === undefined) {
    process.stdout.write(
      '\nThe Redis suites were SKIPPED: there is neither REDIS_URL nor a redis-server or valkey-server on PATH.\n' +
        'To run them: apt-get install redis-server && npm test, or REDIS_URL=redis://127.0.0.1:6379 npm test\n',
    );
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = code === 0 && failed === 0 ? 0 : 1;
}

main()
  .catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.stdout.write('\n0 passed, 1 failed\n');
    process.exitCode = 1;
  })
  .finally(() => rmSync(scratch, { recursive: true, force: true }));
