#!/usr/bin/env node
/** Builds this package if it changed, then hands over to it (cli/src/main.ts) what stands behind `bridgework`. */
import { fileURLToPath } from 'node:url';
import { build } from '../../launcher/bin/build.js';

build('@bridgework/cli')
  .then(() => import('../dist/main.js'))
  .then(({ main }) =>
    main(process.argv.slice(2), { root: fileURLToPath(new URL('../..', import.meta.url)), cwd: process.cwd() }),
  )
  .catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
