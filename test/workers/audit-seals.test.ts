import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSigningKey } from '@bridgework/kernel/signed-caller';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { AUDIT_SIGNING_KEY, openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';

let clinic: WebhookClinic;
beforeEach(async () => {
  clinic = await openWebhookClinic();
});
afterEach(async () => {
  await clinic.close();
});

const append = (entityId: string) => clinic.sql`
  select audit.append('user a', null, 'token.issue', 'token', ${entityId}, 'OK', null, 'req_1', 1)`;

test('every audit entry is chained soon after its commit, and the signed head leaves the database', async () => {
  const workers = await clinic.startWorkers();
  for (let i = 0; i < 20; i += 1) await append(`tok_${i}`);
  await eventually(async () => {
    const [row] = await clinic.sql<[{ n: number }]>`select count(*)::integer as n from audit.seals`;
    return row.n === 20;
  });
  expect(await clinic.sql`select * from audit.verify()`).toHaveLength(0);
  await workers.close();

  const lines = readFileSync(join(clinic.dataDir, 'audit-heads.jsonl'), 'utf8').trim().split('\n');
  const last = JSON.parse(lines.at(-1) ?? '') as { head: string; seal: string };
  const publicKey = createPublicKey(readSigningKey(AUDIT_SIGNING_KEY).privateKey);
  expect(verify(null, Buffer.from(last.head), publicKey, Buffer.from(last.seal, 'base64url'))).toBe(true);
  const head = JSON.parse(last.head) as { position: number; hash: string };
  expect(head.position).toBe(20);
  expect(await clinic.sql`select * from audit.verify(${head.position}, decode(${head.hash}, 'hex'))`).toHaveLength(0);
});
