#!/usr/bin/env node
/** Builds what changed, then hands over to the launcher (launcher/src/main.ts) the command that npm was given. */
import { fileURLToPath } from 'node:url';
import { build } from './build.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = process.argv[2] ?? 'start';

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
