import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { runCommand } from '@bridgework/cli';
import { afterEach, expect, test } from 'vitest';
import { signedHeaders } from '../../workers/src/webhooks/signature.ts';
import { eventually } from '../support/eventually.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const folder = mkdtempSync(`${tmpdir()}/bw-listen-`);
const stop = new AbortController();
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function listen(words: readonly string[], signal: AbortSignal) {
  const out: string[] = [];
  const said: string[] = [];
  const ended = runCommand(['listen', ...words], {
    cwd: folder,
    config: { DATA_DIR: folder },
    out: (line) => out.push(line),
    say: (line) => said.push(line),
    signal,
  });
  return { out, said, ended };
}

test('listen verifies what comes, shows it, and answers 204 or 401', async () => {
  const { out, said, ended } = listen(['--port', '0', '--secret', SECRET], stop.signal);
  const url = await eventually(() => /http:\S+/.exec(said[0] ?? '')?.[0]);
  const body = '{"event_id":"evt_1","event_type":"visit.completed","signature":"v1,x"}';
  const post = (secret: string) =>
    fetch(url, { method: 'POST', body, headers: { ...signedHeaders('evt_1', body, [secret], new Date()) } });
  expect((await post(SECRET)).status).toBe(204);
  expect((await post(`whsec_${Buffer.alloc(32, 2).toString('base64')}`)).status).toBe(401);
  expect(out.filter((line) => line.includes('visit.completed  evt_1'))).toEqual([
    expect.stringMatching(/ verified$/),
    expect.stringMatching(/ NOT VERIFIED$/),
  ]);
  expect(out.join('\n')).toContain('    "event_type": "visit.completed"');
  stop.abort();
  expect(await ended).toBe(0);
});

test('listen says what is wrong with a port or a secret', async () => {
  const signal = AbortSignal.abort();
  for (const [words, sentence] of [
    [['--port', 'x'], 'x is no port.'],
    [['--secret', 'hunter2'], 'A secret begins with whsec_'],
  ] as const) {
    const { said, ended } = listen(words, signal);
    expect(await ended).not.toBe(0);
    expect(said.join('\n')).toContain(sentence);
  }
});
