import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contractPath } from '@bridgework/kernel/contract-files';
import { freePort } from '@bridgework/kernel/embedded-postgres';
import { newId } from '@bridgework/kernel/ids';
import { CALLER_HEADER, REQUEST_ID_HEADER, readSigningKey, signCaller } from '@bridgework/kernel/signed-caller';
import {
  createDevelopmentIssuer,
  DEVELOPMENT_AUDIENCE,
  DEVELOPMENT_ISSUER,
  HUDA,
  makeSecrets,
  OMAR,
  type Secrets,
  seedClinic,
} from '@bridgework/launcher';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import type { Sql } from 'postgres';
import { startOwnCluster } from '../support/own-cluster.ts';
import { createPerson, createRequest, type Partner, type PartnerOptions, registerPartner } from '../support/partner.ts';
import { SCOPES_OF_READING } from './documents.ts';
import type { StockOrder } from './processes/stock-gateway.ts';
import { messageOf, type Started, startBuilt, startSource, untilReady } from './start-process.ts';

/** Headers live 30 seconds; a query's may be used again and again until then. */
const NEW_HEADERS_EVERY_MS = 10_000;

/**
 * The product as it is built, over the sandbox's clinic of 400 patients, with a stock gateway in front of the same
 * subgraphs. They are served twice from one database: on unix sockets for ours, over TCP for the stock gateway, which
 * has no other transport.
 */
export interface RealClinic {
  readonly gateway: Started & { readonly port: number };
  readonly stock: Started & { readonly port: number };
  readonly partner: Partner;
  /** The database's owner. */
  readonly owner: Sql;
  stop(): Promise<void>;
}

export async function startRealClinic(
  folder: string,
  { scopes = SCOPES_OF_READING, documents = [] }: Pick<PartnerOptions, 'documents'> & Partial<PartnerOptions>,
): Promise<RealClinic> {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const one of started.splice(0).toReversed()) await one.stop();
  };
  try {
    const cluster = await startOwnCluster();
    started.push(cluster);
    await seedClinic(cluster.database.ownerUrl, { now: new Date() });
    const secrets = await makeSecrets();
    const issuer = await createDevelopmentIssuer(secrets.issuerKey);
    const sockets = addresses(
      await Promise.all(SUBGRAPH_NAMES.map(async (name) => [name, `unix:${join(folder, `${name}.sock`)}`])),
    );
    const origins = await Promise.all(
      SUBGRAPH_NAMES.map(async (name) => [name, `http://127.0.0.1:${await freePort()}`]),
    );
    for (const where of [sockets, addresses(origins)]) {
      started.push(
        startBuilt('subgraphs/host/dist/main.js', {
          env: { ...shared(folder), ...where, ...hostSettings(cluster.database.urlFor, secrets) },
        }),
      );
    }
    const port = await freePort();
    const gateway = startBuilt('gateway/dist/main.js', {
      env: {
        ...shared(folder),
        ...sockets,
        PORT: String(port),
        CALLER_SIGNING_KEY: secrets.callerSigningKey,
        REGISTRY_PUBLIC_KEY: secrets.registryPublicKey,
        TOKEN_PEPPER: secrets.tokenPepper,
        CURSOR_KEY: secrets.cursorKey,
        OIDC_ISSUER: DEVELOPMENT_ISSUER,
        OIDC_AUDIENCE: DEVELOPMENT_AUDIENCE,
        OIDC_JWKS: issuer.jwks,
        TOKEN_REQUESTS_PER_MINUTE: '100000000',
        INTEGRATION_REQUESTS_PER_MINUTE: '100000000',
        TOKEN_COST_PER_MINUTE: '1000000000000',
      },
    });
    started.push(gateway);
    await untilReady(port);
    const request = createRequest(`http://127.0.0.1:${port}`);
    const huda = createPerson(request, await issuer.signIn(HUDA));
    const omar = createPerson(request, await issuer.signIn(OMAR));
    const partner = await registerPartner(request, { huda, omar }, { scopes, documents });
    const stock = startSource('stock-gateway.ts', {});
    started.push(stock);
    stock.child.send({
      origins: Object.fromEntries(origins),
      headers: headersFor(secrets, partner),
    } satisfies StockOrder);
    const stockPort = await messageOf<number>(stock);
    const renewing = setInterval(
      () => stock.child.send({ headers: headersFor(secrets, partner) }),
      NEW_HEADERS_EVERY_MS,
    );
    started.push({ stop: async () => clearInterval(renewing) });
    return {
      gateway: { ...gateway, port },
      stock: { ...stock, port: stockPort },
      partner,
      owner: cluster.database.as('owner', 1),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const addresses = (pairs: readonly (readonly string[])[]): Record<string, string> =>
  Object.fromEntries(pairs.map(([name = '', address = '']) => [`${name.toUpperCase()}_URL`, address]));

const shared = (folder: string) => ({ NODE_ENV: 'production', CLINIC_ENV: 'sandbox', DATA_DIR: folder });

type UrlFor = Awaited<ReturnType<typeof startOwnCluster>>['database']['urlFor'];

const hostSettings = (urlFor: UrlFor, secrets: Secrets): Record<string, string> => ({
  APPOINTMENT_DATABASE_URL: urlFor('bridgework_appointment'),
  BILLING_DATABASE_URL: urlFor('bridgework_billing'),
  INVENTORY_DATABASE_URL: urlFor('bridgework_inventory'),
  INTEGRATION_DATABASE_URL: urlFor('bridgework_integration'),
  CALLER_PUBLIC_KEY: secrets.callerPublicKey,
  REGISTRY_SIGNING_KEY: secrets.registrySigningKey,
  SECRETS_KEY: secrets.secretsKey,
  TOKEN_PEPPER: secrets.tokenPepper,
});

/** What the subgraphs ask for before they believe anybody; a stock gateway has nothing of its own to say there. */
function headersFor({ callerSigningKey }: Secrets, { integrationId, tokenId }: Partner): StockOrder['headers'] {
  const key = readSigningKey(callerSigningKey);
  const caller = {
    kind: 'integration',
    integrationId: integrationId as `int_${string}`,
    tokenId: tokenId as `tok_${string}`,
    scopes: SCOPES_OF_READING,
    environment: 'sandbox',
  } as const;
  return Object.fromEntries(
    SUBGRAPH_NAMES.map((audience) => {
      // Any generation of the registry will do; it only grows.
      const signed = signCaller(key, { audience, use: 'query', caller, generation: 1_000_000, now: new Date() });
      return [audience, { [CALLER_HEADER]: signed, [REQUEST_ID_HEADER]: newId('req') }];
    }),
  );
}

/** A document of schema/operations by its path in there. */
export const operation = (path: string): string => readFileSync(contractPath(`operations/${path}.graphql`), 'utf8');
