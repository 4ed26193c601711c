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

test('entries that stay unsealed for two seconds are one alert, however long it lasts', async () => {
  // Somebody else holds the sealer's place and does nothing.
  const holder = clinic.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('audit.seal', 0))`;
    await append('tok_waiting');
    await eventually(async () => (await alerts()).length > 0);
  });
  const workers = await clinic.startWorkers();
  await holder;
  expect(await alerts()).toEqual([{ kind: 'audit.unsealed' }]);
  await workers.close();
});

const alerts = async () => [...(await clinic.sql`select kind from integration.alerts`)];
