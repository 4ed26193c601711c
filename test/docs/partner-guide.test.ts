import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Partner } from '../support/partner.ts';

const file = new URL('../../docs/partner-guide.md', import.meta.url);
const guide = readFileSync(file, 'utf8');
const blocks = [...guide.matchAll(/^```sh(?: (\d+))?\n([\s\S]*?)^```$/gm)].map(([, status, commands = '']) => ({
  status: status === undefined ? undefined : Number(status),
  commands,
  name: commands.trim().split('\n').at(-1) ?? '',
}));

function whyNoCurl(): string | undefined {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no curl on PATH';
  }
}

/** Statuses, block by block: the guide is one sitting, so its commands run in one shell. */
async function sit(
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; statuses: number[][]; said: string }> {
  const script = [
    'set -eu -o pipefail',
    // Beside what the guide prints, the status of each request, on a channel of its own.
    'curl() { command curl -w \'%{stderr}status %{http_code}\\n\' "$@"; }',
    ...blocks.map(({ commands }, number) => `echo "block ${number}" >&2\n${commands}`),
  ].join('\n');
  const child = spawn('bash', ['--norc', '-c', script], { env: { PATH: process.env.PATH, ...env }, timeout: 60_000 });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [said, told] = await Promise.all([text(child.stderr), text(child.stdout)]);
  const statuses = said
    .split(/^block \d+$/m)
    .slice(1)
    .map((part) => [...part.matchAll(/^status (\d+)$/gm)].map(([, status]) => Number(status)));
  return { code: await ended, statuses, said: `${said}\n${told}` };
}

describe.skipIf(whyNoCurl() !== undefined)('the partner guide', () => {
  let clinic: Clinic;
  let partner: Partner;
  let sitting: Awaited<ReturnType<typeof sit>>;
  beforeAll(async () => {
    clinic = await startClinic();
    partner = await clinic.partner({ scopes: ['read:appointments', 'write:payments', 'webhook:receive'] });
    const [owed] = await clinic.owner<{ id: string }[]>`select id from billing.invoices
      where status = 'ISSUED' and currency = 'SAR' and total_minor > 1000 limit 1`;
    sitting = await sit({ BRIDGEWORK: clinic.origin, TOKEN: partner.token, INVOICE: owed?.id ?? '' });
  }, 90_000);
  afterAll(() => clinic?.close());

  test('runs from its first command to its last', () => {
    expect(sitting.code, sitting.said).toBe(0);
    expect(sitting.statuses).toHaveLength(blocks.length);
  });

  test.each(blocks.map((block, number) => ({ ...block, number })).filter(({ status }) => status !== undefined))(
    '$number: $name answers $status',
    ({ number, status }) => {
      expect(sitting.statuses[number]?.at(-1)).toBe(status);
    },
  );

  test('records one payment of what it confirms twice', async () => {
    const rows = await clinic.owner`select 1 from billing.payments where integration_id = ${partner.integrationId}`;
    expect(rows).toHaveLength(1);
  });
});

test('leads only to pages that are there, and is led to from the first page', () => {
  for (const [, target = ''] of guide.matchAll(/\]\(([^)#]+)\)/g))
    expect(existsSync(new URL(target, file)), target).toBe(true);
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain('(docs/partner-guide.md)');
});
