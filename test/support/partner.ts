import { randomBytes } from 'node:crypto';
import type { Scope } from '@bridgework/schema';
import { eventually } from './eventually.ts';

/** An answer over HTTP. `body` is parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers as a partner's script would, by name.
  readonly body: any;
}

/** A signed-in person of the clinic. */
export interface Person {
  readonly jwt: string;
  /** Runs query text as this person. */
  ask(text: string, variables?: Record<string, unknown>): Promise<Answer>;
  /** As {@link ask}; throws unless it went well. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  run(text: string, variables?: Record<string, unknown>): Promise<any>;
}

/** A registered, approved partner with one token. */
export interface Partner {
  readonly integrationId: string;
  readonly tokenId: string;
  readonly token: string;
  /** Ids of the activated documents by operation name. */
  readonly documents: Readonly<Record<string, string>>;
  /** POST /graphql with this body. */
  graphql(body: unknown): Promise<Answer>;
  /** A registered document by its operation name. */
  call(name: string, variables?: Record<string, unknown>): Promise<Answer>;
  rest(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
}

export interface PartnerOptions {
  readonly scopes: readonly Scope[];
  /** Texts of documents to register, approve and activate. */
  readonly documents?: readonly string[];
  /** A manifest as a client's tools write it, instead of `documents`. */
  readonly manifest?: string;
  readonly adHoc?: boolean;
  readonly allowedImageHosts?: readonly string[];
}

type Request = (path: string, init?: RequestInit) => Promise<Answer>;

/** The two without whom nobody becomes a partner. */
interface Managers {
  readonly huda: Person;
  readonly omar: Person;
}

/** Asks one origin; answers that are JSON are parsed. */
export function createRequest(origin: string): Request {
  return async (path, init) => {
    const response = await fetch(`${origin}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
}

const post = (request: Request, bearer: string, body: unknown): Promise<Answer> =>
  request('/graphql', {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** A person of the clinic with this sign-in. */
export function createPerson(request: Request, jwt: string): Person {
  const ask: Person['ask'] = (query, variables = {}) => post(request, jwt, { query, variables });
  return {
    jwt,
    ask,
    async run(query, variables) {
      const answer = await ask(query, variables);
      if (answer.status !== 200 || answer.body?.errors !== undefined)
        throw new Error(`${answer.status} ${answer.text}`);
      return answer.body.data;
    },
  };
}

const key = (): string => randomBytes(12).toString('hex');

/** As a clinic would: Huda registers and submits, Omar approves, and a token is issued. */
export async function registerPartner(
  request: Request,
  { huda, omar }: Managers,
  { scopes, documents = [], manifest = manifestOf(documents), adHoc = false, allowedImageHosts = [] }: PartnerOptions,
): Promise<Partner> {
  const { registerIntegration } = await huda.run(
    `mutation ($input: RegisterIntegrationInput!, $key: String!) { registerIntegration(input: $input, idempotencyKey: $key) { id } }`,
    {
      key: key(),
      input: {
        name: `Partner ${key()}`,
        purpose: 'Shows what partners may do.',
        businessJustification: 'The tests need one.',
        dataScope: 'Whatever its scopes say.',
        riskAssessment: 'None: fake data.',
        internalOwner: 'Huda Al-Salem',
        reviewIntervalMonths: 6,
        requestedScopes: scopes,
        adHoc,
        allowedImageHosts,
      },
    },
  );
  const integrationId: string = registerIntegration.id;
  await huda.run('mutation ($id: ID!) { submitIntegration(id: $id) { id } }', { id: integrationId });
  await omar.run('mutation ($id: ID!) { approveIntegration(id: $id) { id } }', { id: integrationId });
  const ids = await activateDocuments({ huda, omar }, integrationId, manifest);
  const { issueToken } = await huda.run(
    `mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) { secret token { id } } }`,
    {
      key: key(),
      input: { integrationId, name: 'main', scopes, expiresAt: new Date(Date.now() + 86_400_000).toISOString() },
    },
  );
  const token: string = issueToken.secret;
  const bearer = { authorization: `Bearer ${token}` };
  const partner: Partner = {
    integrationId,
    tokenId: issueToken.token.id,
    token,
    documents: ids,
    graphql: (body) => post(request, token, body),
    call: (name, variables = {}) => post(request, token, { documentId: ids[name], variables }),
    rest: (method, path, { body, headers } = {}) =>
      request(`/api/v1${path}`, {
        method,
        headers: { ...bearer, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  };
  // The gateway learns of a token and its documents by the control stream.
  await eventually(async () => (await partner.rest('GET', '/me')).status === 200, { what: 'the token is good' });
  for (const id of Object.values(ids)) {
    await eventually(
      async () => {
        const { body } = await partner.graphql({ documentId: id });
        return body?.errors?.[0]?.extensions?.code !== 'PERSISTED_DOCUMENT_NOT_FOUND';
      },
      { what: `document ${id} is known` },
    );
  }
  return partner;
}

const manifestOf = (texts: readonly string[]): string | undefined =>
  texts.length === 0
    ? undefined
    : JSON.stringify(Object.fromEntries(texts.map((text, position) => [`document-${position}`, text])));

async function activateDocuments(
  { huda, omar }: Managers,
  integrationId: string,
  manifest: string | undefined,
): Promise<Record<string, string>> {
  if (manifest === undefined) return {};
  const { registerDocumentSet } = await huda.run(
    `mutation ($integrationId: ID!, $manifest: String!, $key: String!) {
      registerDocumentSet(integrationId: $integrationId, name: "tests", manifest: $manifest, idempotencyKey: $key) {
        valid documentSet { id } documents { id name errors }
      }
    }`,
    { integrationId, manifest, key: key() },
  );
  if (!registerDocumentSet.valid) throw new Error(JSON.stringify(registerDocumentSet.documents));
  const id = registerDocumentSet.documentSet.id;
  await omar.run('mutation ($id: ID!) { approveDocumentSet(id: $id) { id } }', { id });
  await omar.run('mutation ($id: ID!) { activateDocumentSet(id: $id) { id } }', { id });
  return Object.fromEntries(
    registerDocumentSet.documents.map((one: { id: string; name: string }) => [one.name, one.id]),
  );
}
