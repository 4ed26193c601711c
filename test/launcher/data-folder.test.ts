import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGatewayConfig, readSubgraphHostConfig, readWorkersConfig } from '@bridgework/kernel/config';
import { readSealingKeys } from '@bridgework/kernel/sealed-secret';
import { readPublicKeys, readSigningKey } from '@bridgework/kernel/signed-caller';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeDataFolder } from '../../launcher/src/data-folder.ts';
import { createDevelopmentIssuer } from '../../launcher/src/development-issuer.ts';
import { planProcesses } from '../../launcher/src/processes.ts';
import { readOrMakeSecrets } from '../../launcher/src/secrets.ts';
import { makeSocketFolder } from '../../launcher/src/socket-folder.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'bridgework-data-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test('one launcher at a time works in a data folder', () => {
  const folder = takeDataFolder(dataDir);
  expect(() => takeDataFolder(dataDir)).toThrow(
    `Another launcher (process ${process.pid}) already runs on ${dataDir}.`,
  );
  folder.release();
  takeDataFolder(dataDir).release();
  expect(existsSync(join(dataDir, 'launcher.pid'))).toBe(false);
});

test('takes over from a launcher that was killed', async () => {
  const killed = spawn(process.execPath, ['-e', '']);
  await once(killed, 'exit');
  writeFileSync(join(dataDir, 'launcher.pid'), JSON.stringify({ pid: killed.pid, began: '1' }));
  const folder = takeDataFolder(dataDir);
  expect(folder.wasAbandoned).toBe(true);
  folder.release();
});

test('a process id that is somebody else by now does not lock the folder', () => {
  writeFileSync(join(dataDir, 'launcher.pid'), JSON.stringify({ pid: process.ppid, began: 'long ago' }));
  expect(takeDataFolder(dataDir).wasAbandoned).toBe(true);
});

test('names the data folder that cannot be written', () => {
  const file = join(dataDir, 'file');
  writeFileSync(file, '');
  expect(() => takeDataFolder(join(file, 'below'))).toThrow(/The data folder .* cannot be written by this user/);
});

test('the secrets are made once, readable by their owner alone, in the form the processes read', async () => {
  const file = join(dataDir, 'secrets.json');
  const secrets = await readOrMakeSecrets(file, false);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await readOrMakeSecrets(file, true)).toEqual(secrets);
  expect(readSigningKey(secrets.callerSigningKey).keyId).toBe('caller-1');
  expect(readPublicKeys(secrets.registryPublicKey).size).toBe(1);
  expect(readSealingKeys(secrets.secretsKey).currentId).toBe('secrets-1');
});

test('data without its secrets is half initialised, and says so', async () => {
  await expect(readOrMakeSecrets(join(dataDir, 'secrets.json'), true)).rejects.toThrow('half initialised');
});

test('each process gets exactly the settings that it reads, and the gateway no database', async () => {
  const secrets = await readOrMakeSecrets(join(dataDir, 'secrets.json'), false);
  const plans = planProcesses({
    config: {
      ...{ CLINIC_ENV: 'sandbox', LOG_LEVEL: 'info', DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: 4000, PG_PORT: 5439 },
      METRICS_PORT: 4001,
      EGRESS_ALLOW: [],
    },
    dataDir,
    secrets,
    metricsPorts: { gateway: 4001, host: 4002, workers: 4003 },
    issuer: await createDevelopmentIssuer(secrets.issuerKey),
    addresses: { appointment: 'unix:/a', billing: 'unix:/b', inventory: 'unix:/i', integration: 'unix:/n' },
    urlFor: (role) => `postgres://${role}@127.0.0.1/bridgework`,
    egressAllow: ['http://127.0.0.1:4010'],
    path: '/usr/bin',
  });
  expect(readGatewayConfig(plans.gateway.environment)).toMatchObject({ CLINIC_ENV: 'sandbox', PORT: 4000 });
  expect(readSubgraphHostConfig(plans.host.environment).BILLING_DATABASE_URL).toContain('bridgework_billing@');
  expect(readWorkersConfig(plans.workers.environment).EGRESS_ALLOW).toEqual(['http://127.0.0.1:4010']);
  const ports = [plans.gateway, plans.host, plans.workers].map(({ environment }) => environment.METRICS_PORT);
  expect(ports).toEqual(['4001', '4002', '4003']);
  const gateway = JSON.stringify(plans.gateway.environment);
  expect(gateway).not.toMatch(/postgres|DATABASE|REGISTRY_SIGNING_KEY|SECRETS_KEY|AUDIT/);
  const workers = JSON.stringify(plans.workers.environment);
  expect(workers).not.toMatch(/CALLER|REGISTRY|PEPPER|CURSOR/);
  const host = JSON.stringify(plans.host.environment);
  expect(host).not.toMatch(/CALLER_SIGNING_KEY|AUDIT|CURSOR|bridgework_workers|core_app/);
});

test('a path too long for sockets moves them to a short private folder of their own', () => {
  const long = join(dataDir, 'd'.repeat(90));
  mkdirSync(long);
  const folder = makeSocketFolder(long);
  expect(folder?.startsWith(join(tmpdir(), 'bridgework-'))).toBe(true);
  expect(makeSocketFolder(dataDir)).toBe(join(dataDir, 'sockets'));
  expect(statSync(folder ?? '').mode & 0o777).toBe(0o700);
  rmSync(folder ?? '', { recursive: true });
});

test('npm start refuses to be production and names every setting that is missing', () => {
  const program = `import { main } from './launcher/src/main.ts'; await main('start', { root: process.cwd(), path: '', underNpm: false });`;
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions', '@bridgework/source', '--input-type=module', '-e', program],
    { encoding: 'utf8', env: { PATH: process.env.PATH, CLINIC_ENV: 'production', DATA_DIR: dataDir } },
  );
  expect(status).toBe(1);
  for (const name of ['TOKEN_PEPPER', 'CALLER_SIGNING_KEY', 'WORKERS_DATABASE_URL', 'SECRETS_KEY']) {
    expect(stderr).toContain(`${name} is missing`);
  }
});
