import type { Server } from 'node:http';
import {
  addressSetting,
  databaseSetting,
  type IntegrationSecrets,
  SettingsError,
  type SubgraphHostConfig,
} from '@bridgework/kernel/config';
import { readContract } from '@bridgework/kernel/contract-files';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import type { Logger } from '@bridgework/kernel/logger';
import { createReplayGuard, readPublicKeys } from '@bridgework/kernel/signed-caller';
import { createProvenHeaders } from '@bridgework/kernel/signed-caller-memory';
import type { RunningSubgraph, Subgraph } from '@bridgework/kernel/subgraph';
import { parseRequirements, type SubgraphName } from '@bridgework/schema';
import { type DocumentNode, parse } from 'graphql';
import { listenOn } from './address.ts';
import { auditRefusals } from './audit-refusals.ts';
import { buildSchema } from './build-schema.ts';
import { createSubgraphServer } from './serve-subgraph.ts';
import { createVerifier } from './verify-request.ts';

export interface SubgraphHost {
  /** Resolves once every subgraph answers; throws a sentence when one cannot. */
  listen(): Promise<void>;
  /** Takes no further request, finishes those under way, lets go of databases and sockets. */
  close(): Promise<void>;
}

export interface SubgraphHostDeps {
  readonly subgraphs: readonly Subgraph[];
  readonly log: Logger;
  readonly now?: () => Date;
  /** The SDL of a subgraph and what its fields require; the committed contracts unless told otherwise. */
  readonly contract?: (file: string) => string;
}

interface Served {
  readonly server: Server;
  close(): Promise<void>;
}

/** How long requests under way may take when the process is told to stop. */
const DRAIN_MS = 5_000;

/**
 * Serves the subgraphs that SUBGRAPHS names, each on its own address, as its own database role. Throws a SettingsError
 * that names every setting one of them lacks.
 */
export function buildSubgraphHost(config: SubgraphHostConfig, deps: SubgraphHostDeps): SubgraphHost {
  const subgraphs = config.SUBGRAPHS.map((name) => pick(deps.subgraphs, name));
  const missing = config.SUBGRAPHS.flatMap((name) =>
    [addressSetting(name), databaseSetting(name)].filter((setting) => config[setting] === undefined),
  );
  if (missing.length > 0) {
    throw new SettingsError(
      'subgraph host',
      missing.map((setting) => `${setting} is missing`),
    );
  }
  const served: Served[] = [];
  const stopping = new AbortController();
  return {
    async listen() {
      const startedAt = (deps.now ?? now)();
      for (const subgraph of subgraphs) {
        const one = await serve(subgraph, config, { now, contract: readContract, ...deps, startedAt, stopping });
        served.push(one);
      }
    },
    async close() {
      stopping.abort();
      await Promise.all(served.splice(0).map((one) => one.close()));
    },
  };
}

const now = (): Date => new Date();

function pick(subgraphs: readonly Subgraph[], name: SubgraphName): Subgraph {
  const found = subgraphs.find((subgraph) => subgraph.name === name);
  if (found === undefined) throw new Error(`No subgraph is called ${name}.`);
  return found;
}

type ServeOptions = Required<SubgraphHostDeps> & { readonly startedAt: Date; readonly stopping: AbortController };

async function serve(subgraph: Subgraph, config: SubgraphHostConfig, options: ServeOptions): Promise<Served> {
  const { name } = subgraph;
  const address = config[addressSetting(name)];
  const databaseUrl = config[databaseSetting(name)];
  if (address === undefined || databaseUrl === undefined) throw new Error(`${name} lacks a setting.`);
  const log = options.log.child({ subgraph: name });
  const requirements = parseRequirements(options.contract('generated/requirements.json'));
  const graph = buildSchema(subgraph, readSdl(options.contract, name), requirements);
  const database = openDatabase({ url: databaseUrl, applicationName: `bridgework ${name}` });
  const refusals = auditRefusals(name, { db: database.db, log, now: options.now });
  let running: RunningSubgraph | undefined;
  try {
    const runtime = {
      database,
      databaseUrl,
      log,
      now: options.now,
      secrets: secretsOf(config),
      redisUrl: config.REDIS_URL,
    };
    running = await subgraph.start?.(runtime);
    const verify = createVerifier(
      {
        publicKeys: readPublicKeys(config.CALLER_PUBLIC_KEY),
        audience: name,
        startedAt: options.startedAt,
        seen: createReplayGuard(),
        proven: createProvenHeaders(),
      },
      options.now,
    );
    const server = createSubgraphServer({
      graph,
      db: database.db,
      controlRoutes: running?.controlRoutes ?? {},
      verify,
      refusals,
      log,
      now: options.now,
      stopping: options.stopping.signal,
    });
    await listenOn(server, address);
    log.info('subgraph.listening');
    return { server, close: () => closeAll(server, refusals, running, database) };
  } catch (error) {
    await refusals.close();
    await running?.close();
    await database.close();
    throw error;
  }
}

const readSdl = (contract: (file: string) => string, name: SubgraphName): DocumentNode =>
  parse(contract(`subgraphs/${name}.graphql`));

const secretsOf = (config: SubgraphHostConfig): IntegrationSecrets => ({
  environment: config.CLINIC_ENV,
  registrySigningKey: config.REGISTRY_SIGNING_KEY,
  secretsKey: config.SECRETS_KEY,
  tokenPepper: config.TOKEN_PEPPER,
  singleManager: config.SINGLE_MANAGER,
  messages: {
    twilioAuthToken: config.TWILIO_AUTH_TOKEN,
    whatsAppAppSecret: config.WHATSAPP_APP_SECRET,
    whatsAppVerifyToken: config.WHATSAPP_VERIFY_TOKEN,
  },
});

/** In the order of dependence: requests, then what they write through, the database last. */
async function closeAll(
  server: Server,
  refusals: { close(): Promise<void> },
  running: RunningSubgraph | undefined,
  database: Database,
): Promise<void> {
  await closeServer(server);
  await refusals.close();
  await running?.close();
  await database.close();
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const impatient = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(impatient);
      resolve();
    });
    server.closeIdleConnections();
  });
}
