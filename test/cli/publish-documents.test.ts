import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runCommand } from '@bridgework/cli';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Partner } from '../support/partner.ts';

let clinic: Clinic;
let partner: Partner;
let folder: string;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  partner = await clinic.partner({ scopes: ['read:appointments', 'read:patients'] });
});
afterAll(() => clinic?.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bw-publish-'));
  return () => rmSync(folder, { recursive: true, force: true });
});

function write(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

async function bridgework(...words: string[]) {
  const out: string[] = [];
  const said: string[] = [];
  const code = await runCommand(words, {
    cwd: folder,
    config: { DATA_DIR: folder, BRIDGEWORK_URL: clinic.origin, BRIDGEWORK_SIGN_IN: clinic.huda.jwt },
    out: (line) => out.push(line),
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  return { code, out: out.join('\n'), said: said.join('\n') };
}
const publish = (...words: string[]) =>
  bridgework('documents', 'publish', './operations', '--integration', partner.integrationId, ...words);

const setsOf = async (): Promise<number> =>
  (await clinic.owner`select count(*)::int as count from integration.document_sets`)[0]?.count;

const APPOINTMENT = `query AppointmentOfCli($id: ID!) {
  appointment(id: $id) {
    ...Times
    patient { ...Name }
  }
}
`;
const FRAGMENTS = `fragment Times on Appointment { startsAt endsAt }

fragment Name on Patient {
  displayName
}
`;

test('a folder without faults is examined, and nothing is stored of a dry run', async () => {
  write({ 'operations/appointment.graphql': APPOINTMENT, 'operations/shared/fragments.graphql': FRAGMENTS });
  const before = await setsOf();
  const { code, out, said } = await publish('--dry-run');
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('1 document without a fault') });
  expect(out).toMatch(/^sha256:[0-9a-f]{64} {2}AppointmentOfCli {2}read:appointments read:patients$/);
  expect(await setsOf()).toBe(before);
});

test('a folder becomes one registered set, however often it is published', async () => {
  write({ 'operations/appointment.graphql': APPOINTMENT, 'operations/shared/fragments.graphql': FRAGMENTS });
  const before = await setsOf();
  const first = await publish();
  const again = await publish();
  expect([first.code, again.code]).toEqual([0, 0]);
  expect(first.said).toMatch(/Registered as set_\S+, version 1: PENDING_APPROVAL/);
  expect(await setsOf()).toBe(before + 1);
});

test('each fault names the file, line and column where it stands, in a fragment of another file too', async () => {
  write({
    'operations/appointment.graphql': `# of the desk\n\n${APPOINTMENT}`,
    'operations/shared/fragments.graphql': FRAGMENTS.replace('  displayName', '  displayName\n  fone'),
    'operations/forbidden.graphql': 'query ForbiddenOfCli($id: ID!) { patient(id: $id) { fullName } }',
  });
  const { code, out, said } = await publish('--dry-run');
  expect(code).toBe(1);
  expect(out).toContain('operations/shared/fragments.graphql:5:3: Patient.fone: Cannot query field "fone"');
  expect(out).toMatch(/operations\/forbidden\.graphql:1:1: .*read:patients:identified/);
  expect(said).toContain('2 faults. Nothing was stored.');
});

test('what cannot be parsed, has no name or stands twice is named before anything is sent', async () => {
  write({
    'operations/a.graphql': 'query A { me { id ',
    'operations/b.graphql': '{ me { id } }\nquery B { me { id } }',
    'operations/c.graphql': 'query B { me { name } }\ntype C { id: ID }',
  });
  const { code, out, said } = await publish('--dry-run');
  expect(code).toBe(1);
  expect(out.split('\n')).toEqual([
    expect.stringMatching(/^operations\/a\.graphql:1:19: Syntax Error/),
    expect.stringMatching(/^operations\/b\.graphql:1:1: The operation needs a name/),
    expect.stringMatching(/^operations\/c\.graphql:1:1: The operation B stands in operations\/b\.graphql too/),
    expect.stringMatching(/^operations\/c\.graphql:2:1: Operations and fragments only/),
  ]);
  expect(said).toContain('Nothing was sent');
});

test('a wrong folder, integration, sign-in or gateway is named with what to do', async () => {
  write({ 'operations/appointment.graphql': 'query Me { me { id } }' });
  const publishWith = (config: object) =>
    runCommand(['documents', 'publish', 'operations', '--dry-run'], {
      cwd: folder,
      config: { DATA_DIR: folder, ...config },
      out: () => undefined,
      say: (line) => said.push(line),
      signal: new AbortController().signal,
    });
  const said: string[] = [];
  expect((await bridgework('documents', 'publish', './nowhere')).said).toContain('nowhere is no folder');
  expect((await bridgework('documents', 'publish')).code).toBe(2);
  expect((await bridgework('documents', 'publish', 'operations', '--integration', 'Nobody')).said).toContain(
    `"Nobody" names no integration.\n`,
  );
  expect(await publishWith({})).toBe(1);
  expect(await publishWith({ BRIDGEWORK_URL: clinic.origin, BRIDGEWORK_SIGN_IN: 'expired' })).toBe(1);
  expect(await publishWith({ BRIDGEWORK_URL: 'http://127.0.0.1:9', BRIDGEWORK_SIGN_IN: 'any' })).toBe(1);
  expect(said.join('\n')).toMatch(/npm start[\s\S]*npm run credentials renews it[\s\S]*Nobody answers at/);
});

test('npx finds the command in a fresh installation', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout } = await promisify(execFile)('npx', ['--no-install', 'bridgework', '--help'], { cwd: root });
  expect(stdout).toContain('documents publish');
});
