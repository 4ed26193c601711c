import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addressSetting, databaseSetting, type LauncherConfig } from '@bridgework/kernel/config';
import type { LoginRole } from '@bridgework/kernel/migrate';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import type { DevelopmentIssuer } from './development-issuer.ts';
import type { MetricsPorts } from './metrics-ports.ts';
import type { Secrets } from './secrets.ts';
import type { ProcessPlan } from './supervise.ts';

export interface ProcessPlansInput {
  readonly config: LauncherConfig;
  readonly dataDir: string;
  readonly secrets: Secrets;
  readonly issuer: DevelopmentIssuer;
  /** `unix:/path` or `http://host:port` of each subgraph. */
  readonly addresses: Readonly<Record<SubgraphName, string>>;
  readonly urlFor: (role: LoginRole) => string;
  /** Exact origins that deliveries may reach although they are not public: our own receiver. */
  readonly egressAllow: readonly string[];
  readonly metricsPorts: MetricsPorts;
  /** The launcher's own, for PATH alone. */
  readonly path: string;
}

/** The three processes and all that each gets to know: the gateway no database, nobody another's keys. */
export function planProcesses(input: ProcessPlansInput): {
  host: ProcessPlan;
  gateway: ProcessPlan;
  workers: ProcessPlan;
} {
  const { config, secrets, issuer } = input;
  const everywhere = {
    PATH: input.path,
    NODE_ENV: 'production',
    CLINIC_ENV: 'sandbox',
    LOG_LEVEL: config.LOG_LEVEL,
    ...(config.REDIS_URL === undefined ? {} : { REDIS_URL: config.REDIS_URL }),
  };
  const addresses = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [addressSetting(name), input.addresses[name]]));
  const logins = Object.fromEntries(
    SUBGRAPH_NAMES.map((name) => [databaseSetting(name), input.urlFor(`bridgework_${name}`)]),
  );
  const plan = (name: string, folder: string, environment: Record<string, string>): ProcessPlan => ({
    name,
    entry: fileURLToPath(new URL(`../../${folder}/dist/main.js`, import.meta.url)),
    environment: { ...everywhere, ...environment },
    logFile: join(input.dataDir, 'logs', `${name.replace(' ', '-')}.log`),
  });
  return {
    host: plan('subgraph host', 'subgraphs/host', {
      ...addresses,
      ...logins,
      METRICS_PORT: String(input.metricsPorts.host),
      CALLER_PUBLIC_KEY: secrets.callerPublicKey,
      REGISTRY_SIGNING_KEY: secrets.registrySigningKey,
      SECRETS_KEY: secrets.secretsKey,
      TOKEN_PEPPER: secrets.tokenPepper,
    }),
    gateway: plan('gateway', 'gateway', {
      ...addresses,
      APOLLO_TELEMETRY_DISABLED: '1',
      HOST: config.HOST,
      PORT: String(config.PORT),
      METRICS_PORT: String(input.metricsPorts.gateway),
      DATA_DIR: join(input.dataDir, 'gateway'),
      CALLER_SIGNING_KEY: secrets.callerSigningKey,
      REGISTRY_PUBLIC_KEY: secrets.registryPublicKey,
      TOKEN_PEPPER: secrets.tokenPepper,
      CURSOR_KEY: secrets.cursorKey,
      OIDC_ISSUER: issuer.issuer,
      OIDC_AUDIENCE: issuer.audience,
      OIDC_JWKS: issuer.jwks,
    }),
    workers: plan('workers', 'workers', {
      METRICS_PORT: String(input.metricsPorts.workers),
      WORKERS_DATABASE_URL: input.urlFor('bridgework_workers'),
      DATA_DIR: join(input.dataDir, 'workers'),
      SECRETS_KEY: secrets.secretsKey,
      AUDIT_SIGNING_KEY: secrets.auditSigningKey,
      EGRESS_ALLOW: input.egressAllow.join(','),
    }),
  };
}
