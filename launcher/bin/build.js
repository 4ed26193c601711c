import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Builds what changed: everything, or one package and what it needs. The output is shown only when the build failed. */
export function build(packageName) {
  const turbo = fileURLToPath(new URL('../../node_modules/turbo/bin/turbo', import.meta.url));
  const only = packageName === undefined ? [] : [`--filter=${packageName}`];
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [turbo, 'run', 'build', ...only, '--output-logs=errors-only', '--no-update-notifier'],
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
