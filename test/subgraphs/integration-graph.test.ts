import { randomUUID } from 'node:crypto';
import { type IssuedToken, subgraph } from '@bridgework/integration';
import type { Caller } from '@bridgework/kernel/context';
import { readContract } from '@bridgework/kernel/contract-files';
import { parse } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { executeGraph } from '../../subgraphs/host/src/execute-graph.ts';
import { requirements } from '../authorization/documents.ts';
import { mariam, omar, partner, type Registry, reportCompiled, startRegistry } from '../support/registry.ts';

const graph = buildSchema(subgraph, parse(readContract('subgraphs/integration.graphql')), requirements);
const documents = createDocuments(graph, { compile: 'at-once' });
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

async function run(caller: Caller, text: string, variables: Record<string, unknown> = {}) {
  const request = { ...documents(text), variables, operationName: undefined };
  const result = await executeGraph(graph, request, registry.contextOf(caller));
  return JSON.parse(JSON.stringify(result));
}

test('a manager takes an integration through the graph from its registration to a token, and reads all of it back', async () => {
  const register = `mutation ($input: RegisterIntegrationInput!, $key: String!) {
    registerIntegration(input: $input, idempotencyKey: $key) { id status statusReason adHoc environment } }`;
  const input = {
    name: `Partner ${randomUUID()}`,
    purpose: 'Shows the day.',
    businessJustification: 'Needed.',
    dataScope: 'Today.',
    riskAssessment: 'Low.',
    internalOwner: 'Mariam',
    reviewIntervalMonths: 6,
    requestedScopes: ['read:appointments', 'write:payments'],
    declaredEvents: ['appointment.created'],
  };
  const { data, errors } = await run(mariam, register, { input, key: randomUUID() });
  expect(errors).toBeUndefined();
  expect(data.registerIntegration).toMatchObject({ status: 'DRAFT', environment: 'SANDBOX', adHoc: false });
  const { id } = data.registerIntegration;
  await run(mariam, 'mutation ($id: ID!) { submitIntegration(id: $id) { status } }', { id });
  const own = await run(mariam, 'mutation ($id: ID!) { approveIntegration(id: $id) { status } }', { id });
  expect(own.errors[0].extensions.code).toBe('FORBIDDEN');
  const approved = await run(omar, 'mutation ($id: ID!) { approveIntegration(id: $id, note: "Fine.") { status } }', {
    id,
  });
  expect(approved).toEqual({ data: { approveIntegration: { status: 'ACTIVE' } } });
  const issue = `mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) {
    secret token { id integrationId name publicId scopes status environment expiresAt allowedCidrs createdBy createdAt
      lastUsedAt revokedAt revokedBy } } }`;
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  const token = { integrationId: id, name: 'Terminal', scopes: ['write:payments'], expiresAt };
  const issued = await run(omar, issue, { input: token, key: randomUUID() });
  expect(issued.errors).toBeUndefined();
  expect(issued.data.issueToken.token).toMatchObject({ expiresAt, status: 'ACTIVE', scopes: ['write:payments'] });

  const read = await run(
    omar,
    `query ($id: ID!) {
      integration(id: $id) {
        id name environment purpose status businessJustification dataScope riskAssessment internalOwner
        reviewIntervalMonths reviewDueOn requestedScopes approvedScopes declaredApis declaredEvents adHoc statusReason
        createdBy createdAt updatedAt
        approvals { id kind status scope documentSetId justification requestedBy requestedAt decidedBy decidedAt
          decisionReason expiresAt }
        tokens(first: 10) { edges { cursor node { id lastUsedAt } } pageInfo { hasNextPage endCursor } }
      }
      integrations(filter: { status: ACTIVE }, first: 5) { edges { node { id } } }
      auditEntries(filter: { integrationId: $id }, first: 20) { edges { node { id integrationId actor action entity
        entityId timestamp result errorMessage requestId count } } }
      observedOperations(integrationId: $id, first: 5) { edges { node { integrationId operation count lastUsedAt } } }
      documentSets(filter: { integrationId: $id }, first: 5) { edges { node { id version format documentCount } } }
      me { kind name scopes tokenId }
    }`,
    { id },
  );
  expect(read.errors).toBeUndefined();
  expect(read.data.integration).toMatchObject({
    id,
    requestedScopes: input.requestedScopes,
    declaredEvents: input.declaredEvents,
  });
  expect(read.data.integration.approvals).toHaveLength(2);
  expect(
    read.data.auditEntries.edges.map(
      ({ node }: { node: { action: string; result: string } }) => `${node.action} ${node.result}`,
    ),
  ).toEqual([
    'token.issue OK',
    'integration.approve OK',
    'integration.approve DENIED',
    'integration.submit OK',
    'integration.register OK',
  ]);
});

test('a partner registers nothing and reads nothing of the register; it knows itself', async () => {
  const { id, name } = await registry.approved(['read:appointments']);
  const other = await registry.approved(['read:appointments']);
  const args = { input: { integrationId: id, name: 'T', scopes: ['read:appointments'] }, idempotencyKey: randomUUID() };
  const { token } = await registry.mutate<IssuedToken>('issueToken', args, mariam);
  const caller = partner(id, token.id, ['read:appointments']);
  for (const text of [
    `{ integration(id: "${id}") { id } }`,
    '{ integrations(first: 1) { edges { node { id } } } }',
    '{ auditEntries(first: 1) { edges { node { id } } } }',
    '{ me { integration { status } } }',
    `mutation { revokeToken(id: "${token.id}") { id } }`,
  ]) {
    const { errors } = await run(caller, text);
    expect(errors?.[0]?.extensions?.code, text).toMatch(/^(FORBIDDEN|INSUFFICIENT_SCOPE)$/);
  }
  const me = await run(caller, '{ me { kind tokenId integration { id name environment } reviewDueOn } }');
  expect(me.data.me).toMatchObject({ kind: 'INTEGRATION', tokenId: token.id, integration: { id, name } });

  const entities = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
    ... on Appointment { importedBy { id name } } ... on ImagingReference { submittedBy { id } }
    ... on Integration { name } } }`;
  const representations = [
    { __typename: 'Appointment', id: 'apt_1', importedByIntegrationId: id },
    { __typename: 'Appointment', id: 'apt_2', importedByIntegrationId: other.id },
    { __typename: 'Appointment', id: 'apt_3', importedByIntegrationId: null },
    { __typename: 'Integration', id },
    { __typename: 'Integration', id: other.id },
  ];
  const { data, errors } = await run(caller, entities, { representations });
  expect(errors).toBeUndefined();
  expect(data._entities).toEqual([
    { importedBy: { id, name } },
    { importedBy: null },
    { importedBy: null },
    { name },
    null,
  ]);
});

test('a document set goes through the graph: findings, approval, activation, its documents', async () => {
  const { id } = await registry.approved(['read:appointments']);
  const register = `mutation ($id: ID!, $manifest: String!, $key: String!) {
    registerDocumentSet(integrationId: $id, name: "R1", manifest: $manifest, idempotencyKey: $key) {
      valid documents { id name requiredScopes errors faults { line column coordinate message } } documentSet { id name version format status documentCount createdBy
        documents(first: 5) { edges { node { id name aliases operation status text requiredScopes personalData lastUsedAt
          integrationId documentSetId integrationName internalOwner summary compileError brokenBecause retiredReason
          analysis { cost listSize depth aliases rootFields coordinates personalData { coordinate class }
            personalDataClasses subgraphs deprecated }
          news { sinceVersion coordinates scopes personalDataClasses } uses { tokenId count } } } } } } }`;
  const manifest = JSON.stringify({ k1: 'query Day { appointments(first: 1) { edges { node { id } } } }' });
  const { data, errors } = await run(mariam, register, { id, manifest, key: randomUUID() });
  expect(errors).toBeUndefined();
  const { documentSet, documents } = data.registerDocumentSet;
  expect(documents).toMatchObject([{ name: 'Day', requiredScopes: [['read:appointments']], errors: [] }]);
  expect(documentSet).toMatchObject({ version: 1, format: 'KEY_VALUE', status: 'PENDING_APPROVAL', documentCount: 1 });
  expect(documentSet.documents.edges[0].node).toMatchObject({
    summary:
      'reads no personal data; cost 2, lists up to 1, depth 4; needs read:appointments; the first of its integration',
    analysis: { subgraphs: ['appointment'], coordinates: expect.arrayContaining(['Query.appointments']) },
    news: { sinceVersion: null, scopes: ['read:appointments'] },
    uses: [],
  });
  const set = { id: documentSet.id };
  const approved = await run(
    omar,
    'mutation ($id: ID!) { approveDocumentSet(id: $id) { status decidedBy decidedAt } }',
    set,
  );
  expect(approved.data.approveDocumentSet.status).toBe('APPROVED');
  const [active] = await Promise.all([
    run(omar, 'mutation ($id: ID!) { activateDocumentSet(id: $id) { status activatedAt } }', set),
    reportCompiled(registry.sql, set.id, registry.control),
  ]);
  expect(active.data.activateDocumentSet).toMatchObject({ status: 'ACTIVE', activatedAt: expect.any(String) });
});
