#!/usr/bin/env node
/**
 * `npm test`: the whole suite (or the files named after `--`) by vitest, and at the very end one line that says how it
 * went: `123 passed, 0 failed`. The Redis suites start servers of their own (test/support/redis.ts); where there is
 * nothing to start, this says that they were skipped and how to run them. The same of what LibreOffice would open.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bridgework-test-run-'));
const report = join(scratch, 'report.json');

function isOnPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => names.some((name) => isExecutable(join(folder, name))));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
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
  const hasRedis = Boolean(process.env.REDIS_URL) || isOnPath(['redis-server', 'valkey-server']);
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
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    },
  );
  // A terminal's Ctrl-C reaches vitest by itself; a plain signal is passed on. Either way it ends first.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => vitest.kill('SIGTERM'));
  const [code] = await once(vitest, 'exit');

  const { passed, failed: counted, skipped } = readCounts();
  // An error outside any test fails the run as well.
  const failed = code === 0 ? counted : Math.max(counted, 1);
  if (!hasRedis) {
    process.stdout.write(
      '\nThe Redis suites were SKIPPED: there is neither REDIS_URL nor a redis-server or valkey-server on PATH.\n' +
        'To run them: apt-get install redis-server && npm test, or REDIS_URL=redis://127.0.0.1:6379 npm test\n',
    );
  }
  if (!isOnPath(['soffice'])) {
    process.stdout.write(
      '\nThe exports were NOT OPENED in LibreOffice: there is no soffice on PATH. To open them: apt-get install libreoffice-calc\n',
    );
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main()
  .catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.stdout.write('\n0 passed, 1 failed\n');
    process.exitCode = 1;
  })
  .finally(() => rmSync(scratch, { recursive: true, force: true }));
