#!/usr/bin/env node
/**
 * Completes package-lock.json. A registry that does not carry every platform's build makes npm write a lock file without
 * them, and `npm ci` then refuses it. Each missing optional dependency of one exact version is added in npm's own form.
 * `--check` changes nothing and fails when something is missing.
 *
 * Run it after each change of a dependency: `node launcher/bin/complete-lock.js`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../../package-lock.json', import.meta.url));

const SYSTEMS = {
  windows: 'win32',
  win32: 'win32',
  darwin: 'darwin',
  linux: 'linux',
  android: 'android',
  freebsd: 'freebsd',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  sunos: 'sunos',
  aix: 'aix',
  openharmony: 'openharmony',
};
const PROCESSORS = {
  64: 'x64',
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  x86: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
  mips64el: 'mips64el',
};
const EXACT = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

/** Where npm would find `name` from the package at `from`: its own node_modules, then each one above. */
function find(packages, from, name) {
  for (let folder = from; ; ) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (folder === '') return undefined;
    const above = folder.lastIndexOf('/node_modules/');
    folder = above === -1 ? '' : folder.slice(0, above);
  }
}

/** The platform a package's name speaks of, `@swc/core-linux-arm-gnueabihf` → linux, arm, glibc. */
function platformOf(name) {
  const words = name.slice(name.lastIndexOf('/') + 1).split('-');
  const system = words.findLast((word) => SYSTEMS[word] !== undefined);
  const processor = words.findLast((word) => PROCESSORS[word] !== undefined);
  if (system === undefined || processor === undefined) {
    throw new Error(`${name} does not tell its platform; add it to package-lock.json by hand.`);
  }
  const os = SYSTEMS[system];
  const libc =
    os !== 'linux'
      ? undefined
      : words.some((word) => word.startsWith('musl'))
        ? 'musl'
        : words.some((word) => word.startsWith('gnu'))
          ? 'glibc'
          : undefined;
  return { os, cpu: PROCESSORS[processor], libc };
}

function complete(packages) {
  const added = [];
  for (const [parent, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!EXACT.test(version)) continue;
      const present = find(packages, parent, name);
      if (present !== undefined && packages[present].version === version) continue;
      const { os, cpu, libc } = platformOf(name);
      // Beside its parent when another version already has the place at the top.
      const place = present === undefined ? `node_modules/${name}` : `${parent}/node_modules/${name}`;
      packages[place] = {
        version,
        cpu: [cpu],
        ...(entry.dev === true ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc: [libc] }),
        optional: true,
        os: [os],
      };
      added.push(`${name}@${version}`);
    }
  }
  return added;
}

const lock = JSON.parse(readFileSync(file, 'utf8'));
const added = complete(lock.packages);
if (process.argv.includes('--check')) {
  if (added.length > 0) {
    process.stderr.write(
      `package-lock.json lacks ${added.length} packages of other platforms: ${added.join(', ')}\nRun: node launcher/bin/complete-lock.js\n`,
    );
    process.exitCode = 1;
  }
} else if (added.length > 0) {
  // The root first, then by place, as npm sorts them.
  const places = Object.keys(lock.packages).sort((one, other) => one.localeCompare(other, 'en'));
  lock.packages = Object.fromEntries(places.map((place) => [place, lock.packages[place]]));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`Added ${added.length} packages to package-lock.json.\n`);
}
