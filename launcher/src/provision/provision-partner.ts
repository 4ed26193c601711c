import { createHash, randomUUID } from 'node:crypto';
import { readContract } from '@bridgework/kernel/contract-files';
import { callAs, type FrontDoor } from './front-door.ts';
import type { PartnerPlan } from './partners.ts';
import { untilActive } from './until-active.ts';

/** Two sign-ins: nobody approves what they asked for themselves. */
export interface ManagerSignIns {
  readonly asks: string;
  readonly approves: string;
}

export interface ProvisionedPartner {
  readonly name: string;
  readonly integration_id: string;
  readonly token: string;
  readonly token_expires_at: string;
  readonly scopes: readonly string[];
  /** Operation name → the id that the partner sends. */
  readonly documents: Readonly<Record<string, string>>;
}

const TOKEN_DAYS = 30;
const DAY_MS = 86_400_000;

/**
 * Enters a partner through the front door, step by step as people would: registered, submitted, approved by the other
 * manager, given a token, its documents registered, approved and activated. Picks up where an interrupted start left off.
 */
export async function provisionPartner(
  door: FrontDoor,
  signIns: ManagerSignIns,
  plan: PartnerPlan,
): Promise<ProvisionedPartner> {
  const integration = await findOrRegister(door, signIns, plan);
  if (integration.status === 'DRAFT') await callAs(door, signIns.asks, SUBMIT, { id: integration.id });
  if (integration.status !== 'ACTIVE') await callAs(door, signIns.approves, APPROVE, { id: integration.id });
  const token = await issueToken(door, signIns.asks, integration.id, plan);
  const documents = await activateDocuments(door, signIns, integration.id, plan);
  return { name: plan.name, integration_id: integration.id, ...token, scopes: plan.scopes, documents };
}

interface Known {
  readonly id: string;
  readonly status: string;
}

async function findOrRegister(door: FrontDoor, { asks }: ManagerSignIns, plan: PartnerPlan): Promise<Known> {
  const { integrations } = await callAs<{ integrations: { edges: { node: Known & { name: string } }[] } }>(
    door,
    asks,
    'query Partners { integrations(first: 100) { edges { node { id name status } } } }',
    {},
  );
  const known = integrations.edges.find(({ node }) => node.name === plan.name)?.node;
  if (known !== undefined) return known;
  const { registerIntegration } = await callAs<{ registerIntegration: Known }>(door, asks, REGISTER, {
    key: randomUUID(),
    input: {
      name: plan.name,
      purpose: plan.purpose,
      businessJustification: plan.businessJustification,
      dataScope: plan.dataScope,
      riskAssessment: plan.riskAssessment,
      internalOwner: 'Huda Al-Salem',
      reviewIntervalMonths: 6,
      requestedScopes: plan.scopes,
      declaredApis: plan.declaredApis,
    },
  });
  return registerIntegration;
}

/** A new token with all that was granted. The secret is shown once, so a lost one is replaced by a new one. */
export async function issueToken(
  door: FrontDoor,
  jwt: string,
  integrationId: string,
  { scopes }: Pick<PartnerPlan, 'scopes'>,
): Promise<{ token: string; token_expires_at: string }> {
  const expiresAt = new Date(Date.now() + TOKEN_DAYS * DAY_MS).toISOString();
  const { issueToken: issued } = await callAs<{ issueToken: { secret: string | null } }>(door, jwt, ISSUE, {
    key: randomUUID(),
    input: { integrationId, name: 'Sandbox', scopes, expiresAt },
  });
  if (issued.secret === null) throw new Error('The token came without its secret.');
  return { token: issued.secret, token_expires_at: expiresAt };
}

interface Registered {
  readonly registerDocumentSet: {
    readonly valid: boolean;
    readonly documentSet: { readonly id: string; readonly status: string } | null;
    readonly documents: readonly {
      readonly id: string;
      readonly name: string | null;
      readonly errors: readonly string[];
    }[];
  };
}

async function activateDocuments(
  door: FrontDoor,
  { asks, approves }: ManagerSignIns,
  integrationId: string,
  plan: PartnerPlan,
): Promise<Record<string, string>> {
  const texts = plan.documents.map((name) => readContract(`operations/examples/${name}.graphql`).trim());
  const manifest = Object.fromEntries(texts.map((text) => [`sha256:${sha256(text)}`, text]));
  const { registerDocumentSet } = await callAs<Registered>(door, asks, REGISTER_SET, {
    integrationId,
    name: 'Examples',
    manifest: JSON.stringify(manifest),
    key: randomUUID(),
  });
  const { documentSet, documents } = registerDocumentSet;
  if (documentSet === null) {
    throw new Error(`The example documents are not valid: ${documents.flatMap(({ errors }) => errors).join('; ')}`);
  }
  if (documentSet.status === 'PENDING_APPROVAL') await callAs(door, approves, APPROVE_SET, { id: documentSet.id });
  if (documentSet.status !== 'ACTIVE') await callAs(door, asks, ACTIVATE_SET, { id: documentSet.id });
  // A gateway compiles them first.
  await untilActive(`The documents of ${plan.name}`, async () => {
    const { documentSets } = await callAs<{ documentSets: { edges: { node: Known }[] } }>(door, asks, SETS, {
      integrationId,
    });
    return documentSets.edges.find(({ node }) => node.id === documentSet.id)?.node.status;
  });
  return Object.fromEntries(documents.map(({ id, name }) => [name ?? id, id]));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const REGISTER = `mutation Register($input: RegisterIntegrationInput!, $key: String!) {
  registerIntegration(input: $input, idempotencyKey: $key) { id status } }`;
const SUBMIT = 'mutation Submit($id: ID!) { submitIntegration(id: $id) { id } }';
const APPROVE = 'mutation Approve($id: ID!) { approveIntegration(id: $id, note: "Example of the sandbox.") { id } }';
const ISSUE = `mutation Issue($input: IssueTokenInput!, $key: String!) {
  issueToken(input: $input, idempotencyKey: $key) { secret } }`;
const REGISTER_SET = `mutation RegisterSet($integrationId: ID!, $name: String!, $manifest: String!, $key: String!) {
  registerDocumentSet(integrationId: $integrationId, name: $name, manifest: $manifest, idempotencyKey: $key) {
    valid documentSet { id status } documents { id name errors } } }`;
const APPROVE_SET =
  'mutation ApproveSet($id: ID!) { approveDocumentSet(id: $id, note: "Example of the sandbox.") { id } }';
const ACTIVATE_SET = 'mutation ActivateSet($id: ID!) { activateDocumentSet(id: $id) { id } }';
const SETS = `query Sets($integrationId: ID!) {
  documentSets(filter: { integrationId: $integrationId }, first: 100) { edges { node { id status } } } }`;
