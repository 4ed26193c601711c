#!/usr/bin/env node
/**
 * Installs the dependencies unless exactly these are installed. Runs before anything is installed, hence plain Node.
 * A stamp in node_modules says what was installed; it is written only after success. A lock folder lets two commands
 * at once install once. No install script of a package is run.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stampFile = join(root, 'node_modules', '.bridgework-installed');
const lockFolder = join(root, '.install-lock');
const patchFolder = join(root, 'launcher', 'patches');
const MINIMUM = [20, 19];
const CALM = ['--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--no-progress'];

const readText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};
/** What we mend in packages until they do; docs/decisions says why. */
const patches = () => {
  try {
    return readdirSync(patchFolder).sort();
  } catch {
    return [];
  }
};
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (sentence) => process.stderr.write(`${sentence}\n`);
const wantedStamp = () => {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const name of patches()) hash.update(name).update(readFileSync(join(patchFolder, name)));
  return hash.update(`\n${process.versions.node.split('.')[0]} ${process.platform} ${process.arch}`).digest('hex');
};
const isInstalled = () => readText(stampFile) === wantedStamp();

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Waits for its turn. A lock whose owner is dead, or that never got an owner, is moved away and removed. */
async function takeLock() {
  let told = false;
  for (;;) {
    try {
      mkdirSync(lockFolder);
      writeFileSync(join(lockFolder, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const pid = Number(readText(join(lockFolder, 'pid')));
    const isAbandoned = pid > 0 ? !isAlive(pid) : ageMsOf(lockFolder) > 5_000;
    if (isAbandoned) {
      const aside = `${lockFolder}.${process.pid}`;
      try {
        renameSync(lockFolder, aside);
        rmSync(aside, { recursive: true, force: true });
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      continue;
    }
    if (!told) say(`Another command (process ${pid}) is installing; waiting for it …`);
    told = true;
    await pause(200);
  }
}

function ageMsOf(folder) {
  try {
    return Date.now() - statSync(folder).mtimeMs;
  } catch {
    return 0;
  }
}

function npm(parameters) {
  const script = process.env.npm_execpath;
  return script !== undefined && /npm-cli\.c?js$/.test(script)
    ? run(process.execPath, [script, ...parameters])
    : run('npm', parameters, process.platform === 'win32');
}

/** Runs a command quietly; its words are shown only when it failed. */
function run(command, parameters, shell = false) {
  // A command that npm started passes its own options on; a workspace's would install that workspace alone.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_config_(workspaces?|omit|include|production|global|dry_run)$/i.test(name),
    ),
  );
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], shell });
    let words = '';
    child.stdout.on('data', (chunk) => (words += chunk));
    child.stderr.on('data', (chunk) => (words += chunk));
    child.once('error', (error) => resolve({ ok: false, words: `${command} could not be started: ${error.message}` }));
    child.once('close', (code) => resolve({ ok: code === 0, words }));
  });
}

async function install() {
  say('Installing dependencies; the first time this takes about a minute …');
  const begunAt = Date.now();
  const seconds = () => Math.round((Date.now() - begunAt) / 1000);
  const ticker = setInterval(() => say(`  … still installing (${seconds()} s)`), 10_000);
  try {
    rmSync(stampFile, { force: true });
    const clean = await npm(['ci', ...CALM]);
    if (!clean.ok) {
      say(`  npm ci did not succeed; trying npm install.\n${indent(clean.words)}`);
      const loose = await npm(['install', '--no-save', ...CALM]);
      if (!loose.ok) {
        say(indent(loose.words));
        throw new Error('The dependencies could not be installed. Is the package registry reachable (npm ping)?');
      }
    }
    if (patches().length > 0) await applyPatches();
    writeFileSync(stampFile, wantedStamp());
    say(`Installed in ${seconds()} s.`);
  } finally {
    clearInterval(ticker);
  }
}

async function applyPatches() {
  const tool = join(root, 'node_modules', 'patch-package', 'index.js');
  const patched = await run(process.execPath, [tool, '--patch-dir', 'launcher/patches', '--error-on-fail']);
  if (patched.ok) return;
  say(indent(patched.words));
  throw new Error('The patches in launcher/patches do not fit the packages that package-lock.json names.');
}

const indent = (words) =>
  words
    .trimEnd()
    .split('\n')
    .slice(-15)
    .map((line) => `    ${line}`)
    .join('\n');

async function main() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    throw new Error(`Node.js ${MINIMUM.join('.')} or newer is needed; this is ${process.versions.node}.`);
  }
  if (isInstalled()) return;
  try {
    await takeLock();
  } catch (error) {
    throw new Error(`${root} is not writable for this user (${error.code}), so nothing can be installed there.`);
  }
  const release = () => rmSync(lockFolder, { recursive: true, force: true });
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    // While we waited, another command may have done it.
    if (!isInstalled()) await install();
  } finally {
    release();
  }
}

main().catch((error) => {
  say(error.message);
  process.exitCode = 1;
});
