import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const environment = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
const files = ['v1', 'v2'].map((major) => require.resolve(`@bridgework/schema/rest/${major}.openapi.json`));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lint-'));
  await writeFile(join(folder, 'redocly.yaml'), 'extends:\n  - recommended\n');
  await writeFile(join(folder, 'spectral.yaml'), 'extends: ["spectral:oas"]\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The command a package installs, run by this Node: no shell has to find it. */
function command(name: string): string {
  const manifest = require(`${name}/package.json`) as { bin: Record<string, string> };
  return join(dirname(require.resolve(`${name}/package.json`)), Object.values(manifest.bin)[0] ?? '');
}

const lint = (name: string, ...options: string[]) =>
  run(process.execPath, [command(name), 'lint', ...options, ...files], { env: environment });

test('redocly finds no error in the reference', async () => {
  const { stderr } = await lint('@redocly/cli', '--config', join(folder, 'redocly.yaml'));
  expect(stderr).toContain('valid');
});

test('spectral finds no error in the reference', async () => {
  const { stdout } = await lint(
    '@stoplight/spectral-cli',
    '--fail-severity',
    'error',
    '-r',
    join(folder, 'spectral.yaml'),
  );
  expect(stdout).toMatch(/No results|\(0 errors,/);
});

test('both would say so', async () => {
  const broken = join(folder, 'broken.json');
  await writeFile(broken, JSON.stringify({ openapi: '3.1.0', info: { title: 'x' }, paths: { '/a': { get: {} } } }));
  const complaint = async (name: string, ...options: string[]) =>
    run(process.execPath, [command(name), 'lint', ...options, broken], { env: environment }).then(
      () => 'nothing',
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );
  expect(await complaint('@redocly/cli', '--config', join(folder, 'redocly.yaml'))).toMatch(/version/);
  expect(await complaint('@stoplight/spectral-cli', '-r', join(folder, 'spectral.yaml'))).toMatch(/version|responses/);
});
