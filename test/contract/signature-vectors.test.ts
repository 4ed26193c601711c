import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Payload, signPayload } from '@bridgework/integration';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedHeaders } from '../../workers/src/webhooks/signature.ts';

/** Frozen: what a receiver once verified it verifies for ever. */
interface Vector {
  readonly name: string;
  /** Live secrets, newest first. */
  readonly secrets: readonly string[];
  readonly payload: Payload;
  readonly webhook_timestamp: string;
  readonly webhook_signature: string;
  readonly body: string;
}

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const vectors = JSON.parse(file('schema/webhooks/signature-vectors.json')) as readonly Vector[];
const guide = file('docs/webhooks.md');

test('what we send is byte for byte what the published vectors say', () => {
  expect(vectors.length).toBeGreaterThanOrEqual(4);
  for (const vector of vectors) {
    const body = signPayload(vector.payload, vector.secrets);
    expect(body).toBe(vector.body);
    const sentAt = new Date(Number(vector.webhook_timestamp) * 1_000);
    expect(signedHeaders(vector.payload.event_id, body, vector.secrets, sentAt)).toEqual({
      'webhook-id': vector.payload.event_id,
      'webhook-timestamp': vector.webhook_timestamp,
      'webhook-signature': vector.webhook_signature,
    });
  }
});

/** One line of a check: which secret, what came, and what has to be found of the delivery and of its body. */
const cases = vectors.flatMap((vector) => {
  const id = vector.payload.event_id;
  const { body, webhook_timestamp: timestamp, webhook_signature: signature } = vector;
  const tampered = body.replace('"livemode":', '"livemode": ');
  return [
    ...vector.secrets.map((secret) => ({ secret, id, timestamp, signature, body, found: 'true true' })),
    { secret: vector.secrets[0] ?? '', id, timestamp, signature, body: tampered, found: 'false false' },
    {
      secret: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
      id,
      timestamp,
      signature,
      body,
      found: 'false false',
    },
    { secret: vector.secrets[0] ?? '', id: 'evt_x', timestamp, signature, body, found: 'false true' },
    {
      secret: vector.secrets[0] ?? '',
      id,
      timestamp: String(Number(timestamp) - 301),
      signature,
      body,
      found: 'false true',
    },
  ];
});
const now = Number(vectors[0]?.webhook_timestamp ?? 0);
const lines = cases
  .map(({ secret, id, timestamp, signature, body }) =>
    [secret, id, timestamp, signature, Buffer.from(body).toString('base64')].join('\t'),
  )
  .join('\n');

/** The guide's code with a few lines around it that feed it the cases and print what it finds. */
const LANGUAGES = [
  {
    fence: 'js',
    command: process.execPath,
    file: 'verify.mjs',
    around: (code: string) => `import { readFileSync } from 'node:fs';
${code}
for (const line of readFileSync(0, 'utf8').split('\\n')) {
  const [secret, id, timestamp, signature, body] = line.split('\\t');
  const text = Buffer.from(body, 'base64').toString('utf8');
  console.log(verifyDelivery(secret, id, timestamp, signature, text, ${now}), verifyBody(secret, text));
}`,
  },
  {
    fence: 'python',
    command: 'python3',
    file: 'verify.py',
    around: (code: string) => `import sys
${code}
for line in sys.stdin.read().split("\\n"):
    secret, id, timestamp, signature, body = line.split("\\t")
    text = base64.b64decode(body).decode()
    print(str(verify_delivery(secret, id, timestamp, signature, text, ${now})).lower(), str(verify_body(secret, text)).lower())`,
  },
  {
    fence: 'php',
    command: 'php',
    file: 'verify.php',
    around: (code: string) => `<?php
${code}
foreach (explode("\\n", stream_get_contents(STDIN)) as $line) {
  [$secret, $id, $timestamp, $signature, $body] = explode("\\t", $line);
  $text = base64_decode($body);
  echo json_encode(verify_delivery($secret, $id, $timestamp, $signature, $text, ${now})), ' ', json_encode(verify_body($secret, $text)), "\\n";
}`,
  },
  {
    fence: 'java',
    command: 'java',
    file: 'Main.java',
    around: (code: string) => `class Main {
    public static void main(String[] arguments) throws Exception {
        var utf8 = java.nio.charset.StandardCharsets.UTF_8;
        for (var line : new String(System.in.readAllBytes(), utf8).split("\\n")) {
            var part = line.split("\\t");
            var text = new String(java.util.Base64.getDecoder().decode(part[4]), utf8);
            System.out.println(WebhookVerifier.verifyDelivery(part[0], part[1], part[2], part[3], text, ${now}L)
                + " " + WebhookVerifier.verifyBody(part[0], text));
        }
    }
}
${code}`,
  },
] as const;

const isThere = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

describe('the code of docs/webhooks.md', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bridgework-vectors-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const language of LANGUAGES) {
    const there = isThere(language.command);
    test.skipIf(!there)(
      `in ${language.fence} accepts what is right, by every live secret, and nothing else${there ? '' : ` (skipped: no ${language.command} here)`}`,
      () => {
        const code = new RegExp(`\`\`\`${language.fence}\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1] ?? '';
        const program = join(folder, language.file);
        writeFileSync(program, language.around(code));
        const found = execFileSync(language.command, [program], { input: lines, encoding: 'utf8', timeout: 60_000 });
        expect(found.trim().split(/\r?\n/)).toEqual(cases.map((one) => one.found));
      },
      90_000,
    );
  }

  test('is there for JavaScript, Python, PHP and one more, and an off-the-shelf library agrees', () => {
    expect(LANGUAGES.every(({ fence }) => guide.includes(`\`\`\`${fence}\n`))).toBe(true);
    for (const { secrets, body, payload, webhook_signature: signature } of vectors) {
      for (const secret of secrets) {
        const fresh = new Date();
        const signed = signedHeaders(payload.event_id, body, [secret], fresh);
        expect(() => new Webhook(secret).verify(body, { ...signed })).not.toThrow();
        expect(signature.split(' ')).toHaveLength(secrets.length);
      }
    }
  });
});
