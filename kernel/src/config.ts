import { ENVIRONMENTS, SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import { z } from 'zod';

/**
 * The only reader of process.env. Each process reads its own table of settings, parsed and frozen at start; everything
 * that is wrong or missing is named at once. docs/operator-guide.md is compared with these tables.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a subgraph is reached: a unix socket's path or an HTTP origin. */
export type Address =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'http'; readonly origin: URL };

const address = z.string().transform((text, issue): Address => {
  if (text.startsWith('unix:')) return { kind: 'socket', path: text.slice('unix:'.length) };
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return { kind: 'http', origin: new URL(text) };
  issue.addIssue({ code: 'custom', message: 'is neither unix:/path nor http(s)://host:port' });
  return z.NEVER;
});
const port = z.coerce.number().int().min(0).max(65_535);
const quota = z.coerce.number().int().min(1);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== ''),
);
/** `<key id>:<base64>`, so that keys can be rotated. */
const keyed = z.string().regex(/^[A-Za-z0-9_-]+:[A-Za-z0-9+/=,:_-]+$/, 'has the form <key id>:<base64>');
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

const everywhere = {
  CLINIC_ENV: z.enum(ENVIRONMENTS),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
};
/** Where a process shows its metrics; without a port it shows none. */
const metricsAddress = {
  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: port.optional(),
};
const subgraphAddresses = {
  APPOINTMENT_URL: address,
  BILLING_URL: address,
  INVENTORY_URL: address,
  INTEGRATION_URL: address,
};

const gatewaySettings = z.object({
  ...everywhere,
  ...metricsAddress,
  ...subgraphAddresses,
  HOST: z.string().default('127.0.0.1'),
  PORT: port.default(4000),
  PUBLIC_URL: z.url().optional(),
  TRUSTED_PROXIES: list.default([]),
  DATA_DIR: z.string(),
  CALLER_SIGNING_KEY: keyed,
  REGISTRY_PUBLIC_KEY: keyed,
  TOKEN_PEPPER: keyed,
  CURSOR_KEY: keyed,
  OIDC_ISSUER: z.string(),
  OIDC_AUDIENCE: z.string(),
  /** The issuer's keys: a URL, or the JSON itself as the sandbox's development issuer gives it. */
  OIDC_JWKS: z.string(),
  ROLE_CLAIM: z.string().default('role'),
  REDIS_URL: z.url().optional(),
  /** What a partner may ask for within a minute, in each gateway process. */
  TOKEN_REQUESTS_PER_MINUTE: quota.default(3000),
  INTEGRATION_REQUESTS_PER_MINUTE: quota.default(6000),
  TOKEN_COST_PER_MINUTE: quota.default(300_000),
  /** Start although the graph breaks documents that partners use, and go on without them. */
  ACCEPT_BROKEN_DOCUMENTS: flag.default(false),
});

const subgraphHostSettings = z.object({
  ...everywhere,
  ...metricsAddress,
  SUBGRAPHS: list.pipe(z.array(z.enum(SUBGRAPH_NAMES)).min(1)).default([...SUBGRAPH_NAMES]),
  APPOINTMENT_URL: address.optional(),
  BILLING_URL: address.optional(),
  INVENTORY_URL: address.optional(),
  INTEGRATION_URL: address.optional(),
  APPOINTMENT_DATABASE_URL: z.string().optional(),
  BILLING_DATABASE_URL: z.string().optional(),
  INVENTORY_DATABASE_URL: z.string().optional(),
  INTEGRATION_DATABASE_URL: z.string().optional(),
  CALLER_PUBLIC_KEY: keyed,
  REGISTRY_SIGNING_KEY: keyed,
  SECRETS_KEY: keyed,
  TOKEN_PEPPER: keyed,
  REDIS_URL: z.url().optional(),
  SINGLE_MANAGER: flag.default(false),
  /** What message providers sign their callbacks with. */
  TWILIO_AUTH_TOKEN: z.string().optional(),
  WHATSAPP_APP_SECRET: z.string().optional(),
  WHATSAPP_VERIFY_TOKEN: z.string().optional(),
});

const PROVIDER_SETTINGS = [
  ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'],
  ['WHATSAPP_PHONE_NUMBER_ID', 'WHATSAPP_ACCESS_TOKEN'],
] as const;

const workersSettings = z
  .object({
    ...everywhere,
    ...metricsAddress,
    WORKERS_DATABASE_URL: z.string(),
    REDIS_URL: z.url().optional(),
    SECRETS_KEY: keyed,
    AUDIT_SIGNING_KEY: keyed,
    DATA_DIR: z.string(),
    /** Exact scheme://host:port entries that the egress guard lets through although they are not public. */
    EGRESS_ALLOW: list.default([]),
    /** Where alerts to people go out, `smtp://user:password@host:port`; without it they are seen in the graph alone. */
    SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
    ALERT_MAIL_FROM: z.string().default('bridgework@localhost'),
    /** Who is written to. */
    ALERT_MAIL_TO: list.default([]),
    /** SMS by Twilio's API; all of the first three, or none. */
    TWILIO_ACCOUNT_SID: z.string().optional(),
    TWILIO_AUTH_TOKEN: z.string().optional(),
    TWILIO_FROM: z.string().optional(),
    TWILIO_URL: z.url().default('https://api.twilio.com'),
    /** WhatsApp by Meta's Cloud API; both of the first two, or none. */
    WHATSAPP_PHONE_NUMBER_ID: z.string().optional(),
    WHATSAPP_ACCESS_TOKEN: z.string().optional(),
    WHATSAPP_URL: z.url().default('https://graph.facebook.com/v23.0'),
    /** The gateway's, for receipts. */
    PUBLIC_URL: z.url().optional(),
  })
  .superRefine((settings, issue) => {
    for (const group of PROVIDER_SETTINGS) {
      const missing = group.filter((name) => settings[name] === undefined);
      if (missing.length === 0 || missing.length === group.length) continue;
      for (const name of missing) issue.addIssue({ code: 'custom', path: [name], message: 'is missing' });
    }
  })
  .refine(({ SMTP_URL: server, ALERT_MAIL_TO: to }) => server === undefined || to.length > 0, {
    path: ['SMTP_URL'],
    message: 'is given, but ALERT_MAIL_TO names nobody: no alert would reach anyone by mail',
  });

const launcherSettings = z.object({
  CLINIC_ENV: everywhere.CLINIC_ENV.default('sandbox'),
  LOG_LEVEL: everywhere.LOG_LEVEL,
  DATA_DIR: z.string().default('.data'),
  HOST: gatewaySettings.shape.HOST,
  PORT: gatewaySettings.shape.PORT,
  PG_PORT: port.default(5439),
  PG_BIN_DIR: z.string().optional(),
  METRICS_PORT: port.default(4001),
  REDIS_URL: z.url().optional(),
  EGRESS_ALLOW: workersSettings.shape.EGRESS_ALLOW,
});

const auditVerifySettings = z.object({
  DATA_DIR: launcherSettings.shape.DATA_DIR,
  WORKERS_DATABASE_URL: workersSettings.shape.WORKERS_DATABASE_URL.optional(),
  AUDIT_PUBLIC_KEY: keyed.optional(),
});

const commandLineSettings = z.object({
  DATA_DIR: launcherSettings.shape.DATA_DIR,
  /** The gateway's origin and a manager's sign-in; by default those of the sandbox in DATA_DIR. */
  BRIDGEWORK_URL: z.url().optional(),
  BRIDGEWORK_SIGN_IN: z.string().optional(),
});

const standaloneSettings = z.object({
  /** Where the product runs, its own gateway runs, with every check. */
  CLINIC_ENV: z
    .enum(ENVIRONMENTS)
    .default('sandbox')
    .refine((environment) => environment !== 'production', 'must not be production: this gateway checks no token'),
  CALLER_SIGNING_KEY: z
    .string()
    .optional()
    .refine((key) => key === undefined, 'must not be set: this gateway serves whoever asks, and may sign for nobody'),
  LOG_LEVEL: everywhere.LOG_LEVEL,
  SUPERGRAPH: z.string(),
  OPS_FILE: z.string().optional(),
  PORT: port.default(4100),
  ADHOC: z
    .enum(['0', '1', 'false', 'true'])
    .default('0')
    .transform((text) => text === '1' || text === 'true'),
});

const documentCheckSettings = z.object({
  INTEGRATION_DATABASE_URL: subgraphHostSettings.shape.INTEGRATION_DATABASE_URL,
});

/** The names of each process's settings; docs/operator-guide.md lists exactly these. */
export const SETTING_NAMES = {
  gateway: Object.keys(gatewaySettings.shape),
  'subgraph host': Object.keys(subgraphHostSettings.shape),
  workers: Object.keys(workersSettings.shape),
  launcher: Object.keys(launcherSettings.shape),
  'audit verify': Object.keys(auditVerifySettings.shape),
  'standalone gateway': Object.keys(standaloneSettings.shape),
  'document check': Object.keys(documentCheckSettings.shape),
  'command line': Object.keys(commandLineSettings.shape),
} as const;

export type GatewayConfig = Readonly<z.infer<typeof gatewaySettings>>;
export type SubgraphHostConfig = Readonly<z.infer<typeof subgraphHostSettings>>;
export type WorkersConfig = Readonly<z.infer<typeof workersSettings>>;
export type LauncherConfig = Readonly<z.infer<typeof launcherSettings>>;
export type StandaloneConfig = Readonly<z.infer<typeof standaloneSettings>>;
export type AuditVerifyConfig = Readonly<z.infer<typeof auditVerifySettings>>;
export type DocumentCheckConfig = Readonly<z.infer<typeof documentCheckSettings>>;
export type CommandLineConfig = Readonly<z.infer<typeof commandLineSettings>>;

/** What the registry (the integration subgraph) needs beyond its database. */
export interface IntegrationSecrets {
  readonly environment: GatewayConfig['CLINIC_ENV'];
  /** Signs control snapshots (Ed25519). */
  readonly registrySigningKey: string;
  /** Encrypts webhook secrets at rest (AES-256-GCM). */
  readonly secretsKey: string;
  /** Keyed hash of integration tokens (HMAC-SHA-256). */
  readonly tokenPepper: string;
  readonly singleManager: boolean;
  readonly messages?: MessageSecrets;
}

/** What message providers sign their callbacks with; of a provider without any, no callback is taken. */
export interface MessageSecrets {
  readonly twilioAuthToken?: string | undefined;
  readonly whatsAppAppSecret?: string | undefined;
  readonly whatsAppVerifyToken?: string | undefined;
}

/** Throws a {@link SettingsError} that names every setting that is missing or wrong. */
export const readGatewayConfig = (environment: Environment = process.env): GatewayConfig =>
  read('gateway', gatewaySettings, environment);
export const readSubgraphHostConfig = (environment: Environment = process.env): SubgraphHostConfig =>
  read('subgraph host', subgraphHostSettings, environment);
export const readWorkersConfig = (environment: Environment = process.env): WorkersConfig =>
  read('workers', workersSettings, environment);
export const readLauncherConfig = (environment: Environment = process.env): LauncherConfig =>
  read('launcher', launcherSettings, environment);
export const readAuditVerifyConfig = (environment: Environment = process.env): AuditVerifyConfig =>
  read('audit verification', auditVerifySettings, environment);
export const readDocumentCheckConfig = (environment: Environment = process.env): DocumentCheckConfig =>
  read('document check', documentCheckSettings, environment);
export const readCommandLineConfig = (environment: Environment = process.env): CommandLineConfig =>
  read('command', commandLineSettings, environment);
/** Throws a {@link SettingsError}, also where the gateway on its own must not run. */
export const readStandaloneConfig = (environment: Environment = process.env): StandaloneConfig =>
  read('standalone gateway', standaloneSettings, environment);
/** For the log that exists before the settings are read; a wrong level is named with the other settings. */
export const readLogLevel = (environment: Environment = process.env): LauncherConfig['LOG_LEVEL'] =>
  everywhere.LOG_LEVEL.catch('info').parse(environment.LOG_LEVEL);

/** The address setting of a subgraph, `APPOINTMENT_URL`; the gateway connects to it, the host listens on it. */
export const addressSetting = (name: SubgraphName) => `${name.toUpperCase() as Uppercase<SubgraphName>}_URL` as const;
/** The database setting of a subgraph, `APPOINTMENT_DATABASE_URL`: a login of that subgraph's own role. */
export const databaseSetting = (name: SubgraphName) =>
  `${name.toUpperCase() as Uppercase<SubgraphName>}_DATABASE_URL` as const;

export class SettingsError extends Error {
  constructor(process: string, faults: readonly string[]) {
    super(
      `The ${process} cannot start; its settings need attention:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'SettingsError';
  }
}

function read<Settings extends z.ZodType>(
  process: string,
  settings: Settings,
  environment: Environment,
): Readonly<z.infer<Settings>> {
  // An empty setting is a setting that was not given.
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = settings.safeParse(given);
  if (result.success) return Object.freeze(result.data);
  throw new SettingsError(
    process,
    result.error.issues.map(({ path, message }) => {
      const name = path.join('.');
      return given[name] === undefined ? `${name} is missing` : `${name} ${message}`;
    }),
  );
}
