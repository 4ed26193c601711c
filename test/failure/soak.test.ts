import { afterEach, expect, test } from 'vitest';
import { type OwnCluster, startOwnCluster } from '../support/own-cluster.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { soak } from './soak.ts';

/** `npm run soak` asks for 50,000. */
const DELIVERIES = Number(process.env.SOAK_DELIVERIES ?? 1_200);
const isLong = DELIVERIES > 10_000;
const FAULTS = isLong ? 27 : 5;
const SECONDS = isLong ? 3_000 : 180;

let cluster: OwnCluster | undefined;
let redis: TestRedis | undefined;
let clinic: WebhookClinic | undefined;
afterEach(async () => {
  await clinic?.close();
  await redis?.close();
  await cluster?.stop();
});

// A Redis that REDIS_URL gave us is not ours to kill.
const cannot = whyNoRedis() ?? (process.env.REDIS_URL ? 'REDIS_URL is not ours to kill' : undefined);

test.skipIf(cannot !== undefined)(
  `at least ${DELIVERIES} deliveries under ${FAULTS} mixed faults: none is lost, none comes twice that was not on its way`,
  async () => {
    [cluster, redis] = await Promise.all([startOwnCluster(), openRedis()]);
    clinic = await openWebhookClinic({ redisUrl: redis.url, database: cluster.database });
    const say = (line: string) => {
      if (isLong || process.env.SOAK_SAY !== undefined) process.stderr.write(`${line}\n`);
    };
    const report = await soak({ clinic, cluster, redis, deliveries: DELIVERIES, faults: FAULTS, say });
    say(JSON.stringify(report));
    expect(report).toMatchObject({ arrived: report.expected, lost: 0 });
    expect(report.duplicates).toBeLessThanOrEqual(report.allowedDuplicates);
    const [row] = await clinic.sql<[{ n: number }]>`
      select count(*)::integer as n from integration.deliveries where state <> 'DELIVERED'`;
    expect(row.n).toBe(0);
  },
  SECONDS * 1_000,
);
