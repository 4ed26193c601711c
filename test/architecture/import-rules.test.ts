import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Rules that a file with this import breaks when it stands in the given folder. */
async function rulesBrokenBy(folder: string, importLine: string): Promise<string[]> {
  const place = await mkdtemp(join(root, folder, 'probe-'));
  try {
    await writeFile(join(place, 'probe.ts'), `${importLine}\nexport const probe = 1;\n`);
    const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', join(place, 'probe.ts')];
    const { stdout } = await run(join(root, 'node_modules/.bin/depcruise'), args, { cwd: root, maxBuffer: 64e6 }).catch(
      (error: { stdout: string }) => error,
    );
    const report = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
    return report.summary.violations.map(({ rule }) => rule.name);
  } finally {
    await rm(place, { recursive: true });
  }
}

test.each([
  [
    'gateway/src',
    "import { openDatabase } from '@bridgework/kernel/database';\nvoid openDatabase;",
    'gateway-kernel-parts',
  ],
  ['gateway/src', "import postgres from 'postgres';\nvoid postgres;", 'gateway-has-no-database'],
  ['gateway/src', "import { subgraph } from '@bridgework/billing';\nvoid subgraph;", 'gateway-speaks-graphql'],
  [
    'subgraphs/billing/src',
    "import { subgraph } from '@bridgework/appointment';\nvoid subgraph;",
    'subgraphs-are-strangers',
  ],
  ['schema/src', "import { newId } from '@bridgework/kernel/ids';\nvoid newId;", 'schema-is-the-ground'],
  ['kernel/src', "import { subgraph } from '@bridgework/billing';\nvoid subgraph;", 'kernel-knows-no-domain'],
  ['workers/src', "import { Queue } from 'bullmq';\nvoid Queue;", 'one-importer-of-bullmq'],
  ['subgraphs/billing/src', "import { graphql } from 'graphql';\nvoid graphql;", 'domain-without-transport'],
])('an import in %s of the wrong kind breaks the build: %#', async (folder, line, rule) => {
  expect(await rulesBrokenBy(folder, line)).toContain(rule);
});
