import type { AddressInfo } from 'node:net';
import { readGatewayConfig } from '@bridgework/kernel/config';
import { readContract } from '@bridgework/kernel/contract-files';
import { DomainError, fromExtensions, toExtensions } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { isAllowed, type Scope } from '@bridgework/schema';
import Fastify from 'fastify';
import { buildASTSchema, execute as graphqlExecute, parse } from 'graphql';
import type { SeenRequest } from '../../../gateway/src/control/seen-requests.ts';
import type { Use } from '../../../gateway/src/control/spool.ts';
import type { GatewayServices, Refusal } from '../../../gateway/src/index.ts';
import { buildOpenApi } from '../../../gateway/src/rest/openapi.ts';
import { registerRest } from '../../../gateway/src/rest/register-routes.ts';
import { readRegisteredDocuments } from '../../../gateway/src/rest/registered-documents.ts';
import type { Route } from '../../../gateway/src/rest/route.ts';
import { VERSIONS } from '../../../gateway/src/rest/versions.ts';
import type { ReferenceDocument } from '../../support/check-answer.ts';
import { checkAgainst } from '../../support/check-every-answer.ts';

/** The graph's roots: fields as values or functions of their arguments. */
export type Root = Readonly<Record<string, unknown>>;

export interface RestServer {
  readonly refusals: Refusal[];
  /** Uses that ran nothing. */
  readonly uses: Use[];
  /** What would be listed for those who sent it. */
  readonly requests: SeenRequest[];
  /** Names of the operations that were run. */
  readonly operations: string[];
  send(path: string, options?: SendOptions): Promise<RestAnswer>;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly method?: string;
  /** Name of a caller in {@link CALLERS}; null sends no token. */
  readonly as?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

const everything: readonly Scope[] = [
  'read:appointments',
  'read:visits',
  'read:patients',
  'read:inventory',
  'write:payments',
  'webhook:receive',
  'write:appointments',
  'write:imaging',
  'read:financials',
  'read:reports',
];
export const CALLERS: Readonly<Record<string, { integrationId: `int_${string}`; scopes: readonly Scope[] }>> = {
  partner: { integrationId: newId('int'), scopes: everything },
  stranger: { integrationId: newId('int'), scopes: everything },
  identifier: { integrationId: newId('int'), scopes: ['read:patients', 'read:patients:identified'] },
  reader: { integrationId: newId('int'), scopes: ['read:appointments'] },
};

const schema = buildASTSchema(parse(readContract('supergraph.graphql')), { assumeValidSDL: true });
const documents = readRegisteredDocuments();

/**
 * REST v1 on a real port. Identity is a table of names; the registered documents run through graphql-js on the composed
 * graph, over the root that the test gives, under the scopes that the graph asks for.
 */
export async function startRest(root: Root, routes?: readonly Route[]): Promise<RestServer> {
  const refusals: Refusal[] = [];
  const requests: SeenRequest[] = [];
  const uses: Use[] = [];
  const operations: string[] = [];
  const services = {
    ...createServices(root, operations),
    reportRefusal: (refusal: Refusal) => refusals.push(refusal),
    noteRequest: (request: SeenRequest) => requests.push(request),
    noteUse: (use: Use) => uses.push(use),
  };
  const app = Fastify({
    genReqId: () => newId('req'),
    forceCloseConnections: true,
  });
  await registerRest(app, services, routes);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  if (routes !== undefined) {
    const references = VERSIONS.map(({ major }) => buildOpenApi(routes, documents, major));
    checkAgainst(`http://127.0.0.1:${port}`, references as unknown as ReferenceDocument[]);
  }
  return {
    refusals,
    requests,
    uses,
    operations,
    send: (path, options = {}) => send(`http://127.0.0.1:${port}${path}`, options),
    close: () => app.close(),
  };
}

const config = readGatewayConfig({
  CLINIC_ENV: 'sandbox',
  APPOINTMENT_URL: 'unix:/nowhere',
  BILLING_URL: 'unix:/nowhere',
  INVENTORY_URL: 'unix:/nowhere',
  INTEGRATION_URL: 'unix:/nowhere',
  DATA_DIR: '/nowhere',
  CALLER_SIGNING_KEY: 'k1:AAAA',
  REGISTRY_PUBLIC_KEY: 'k1:AAAA',
  TOKEN_PEPPER: 'k1:AAAA',
  CURSOR_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  OIDC_ISSUER: 'https://issuer.example',
  OIDC_AUDIENCE: 'bridgework',
  OIDC_JWKS: '{"keys":[]}',
});

function createServices(
  root: Root,
  operations: string[],
): Omit<GatewayServices, 'reportRefusal' | 'noteRequest' | 'noteUse'> {
  const authorizeOperation: GatewayServices['authorizeOperation'] = (name, { caller }) => {
    const requirement = documents.get(name)?.requirement;
    if (requirement === undefined) throw new Error(`${name} is not registered.`);
    const scopes = 'scopes' in caller ? caller.scopes : [];
    if (isAllowed(requirement, scopes, false)) return;
    throw new DomainError('INSUFFICIENT_SCOPE', { members: { scope: requirement.scopes[0]?.join(' ') } });
  };
  return {
    config,
    now: () => new Date(),
    log: createLogger('rest-test', { level: 'silent' }),
    authorizeOperation,
    authenticate: async (request, recognised) => {
      const { authorization } = request.headers;
      if (authorization === undefined) throw new DomainError('MISSING_TOKEN');
      const caller = CALLERS[authorization.replace('Bearer ', '')];
      if (caller === undefined) throw new DomainError('INVALID_TOKEN');
      const known = { kind: 'integration', tokenId: newId('tok'), environment: 'sandbox', ...caller } as const;
      recognised?.(known);
      return {
        requestId: request.id,
        caller: known,
        generation: 1,
        deadline: performance.now() + 5000,
      };
    },
    callOperation: async (name, variables, request) => {
      authorizeOperation(name, request);
      operations.push(name);
      return execute(name, variables, root, request.caller);
    },
  };
}

async function execute(name: string, variableValues: Record<string, unknown>, rootValue: Root, contextValue: unknown) {
  const registered = documents.get(name);
  if (registered === undefined) throw new Error(`${name} is not registered.`);
  const result = await graphqlExecute({
    schema,
    document: registered.document,
    rootValue,
    contextValue,
    variableValues,
  });
  const [fault] = result.errors ?? [];
  if (fault !== undefined) {
    throw fault.originalError instanceof DomainError
      ? (fromExtensions(fault.message, toExtensions(fault.originalError)) ?? fault.originalError)
      : fault;
  }
  return { ...result.data };
}

async function send(
  url: string,
  { method = 'GET', as = 'partner', headers = {}, body }: SendOptions,
): Promise<RestAnswer> {
  const response = await fetch(url, {
    method,
    headers: { ...(as === null ? {} : { authorization: `Bearer ${as}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
}
