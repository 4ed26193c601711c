#!/usr/bin/env node
/** Builds what changed, then hands over to the launcher (launcher/src/main.ts) the command that npm was given. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = process.argv[2] ?? 'start';

/** The output is shown only when the build failed. */
function build() {
  const turbo = fileURLToPath(new URL('../../node_modules/turbo/bin/turbo', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [turbo, 'run', 'build', '--output-logs=errors-only', '--no-update-notifier'],
      {
        cwd: root,
        env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let words = '';
    child.stdout.on('data', (chunk) => (words += chunk));
    child.stderr.on('data', (chunk) => (words += chunk));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`The build failed.\n${words}`))));
  });
}

if (command === 'start') process.stderr.write('Building …\n');
build()
  .then(() => import('../dist/main.js'))
  .then(({ main }) =>
    main(command, {
      root,
      path: process.env.PATH ?? '',
      underNpm: process.env.npm_lifecycle_event !== undefined,
      given: process.argv.slice(3),
    }),
  )
  .catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
