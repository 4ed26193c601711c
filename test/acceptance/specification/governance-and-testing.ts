import { EVENT_TYPES } from '@bridgework/schema';
import { expect } from 'vitest';
import { createAnswerCheck } from '../../support/check-answer.ts';
import type { ItemId } from './items.ts';
import { criterion, expectProblem, here, key } from './walk.ts';

const FIELDS = {
  businessJustification: 'The walk needs one.',
  dataScope: 'Whatever its scopes say.',
  riskAssessment: 'None: fake data.',
  internalOwner: 'Huda Al-Salem',
  reviewIntervalMonths: 6,
};

const register = (said: object) =>
  here().clinic.huda.run(
    `mutation ($input: RegisterIntegrationInput!) { registerIntegration(input: $input, idempotencyKey: "${key()}") { id } }`,
    { input: { name: `Walk ${key()}`, purpose: 'To be governed.', requestedScopes: ['read:visits'], ...said } },
  );

Object.keys(FIELDS).forEach((missing, at) => {
  criterion(`13.1.${at + 1}` as ItemId, async () => {
    const { huda, omar } = here().clinic;
    const { registerIntegration } = await register({ ...FIELDS, [missing]: null });
    const { id } = registerIntegration;
    const refused = await huda.ask(`mutation { submitIntegration(id: "${id}") { id } }`);
    expect(refused.body.errors).toHaveLength(1);
    await huda.run(
      'mutation ($id: ID!, $input: UpdateIntegrationInput!) { updateIntegration(id: $id, input: $input) { id } }',
      {
        id,
        input: FIELDS,
      },
    );
    await huda.run(`mutation { submitIntegration(id: "${id}") { id } }`);
    const own = await huda.ask(`mutation { approveIntegration(id: "${id}") { id } }`);
    expect(own.body.errors).toHaveLength(1);
    const { approveIntegration } = await omar.run(
      `mutation { approveIntegration(id: "${id}") { status reviewDueOn } }`,
    );
    expect(approveIntegration.status).toBe('ACTIVE');
    const due = (Date.parse(approveIntegration.reviewDueOn) - Date.now()) / 86_400_000;
    expect(due).toBeGreaterThan(175);
    return `without ${missing}: ${refused.body.errors[0].extensions.code}; with it, approved by another person, review on ${approveIntegration.reviewDueOn}`;
  });
});

criterion(['13.2.1', '13.2.2', '13.2.3', '13.2.4', '13.2.5'], async () => {
  const { clinic, reader } = here();
  const read = async (id: string) =>
    (
      await clinic.huda.run(
        'query ($id: ID!) { integration(id: $id) { name purpose approvedScopes status uses { kind name observed } } }',
        { id },
      )
    ).integration;
  const known = await read(reader.integrationId);
  expect(known.name && known.purpose && known.approvedScopes.length > 0).toBeTruthy();
  const observed = known.uses
    .filter((use: { observed: boolean }) => use.observed)
    .map(({ name }: { name: string }) => name);
  expect(observed).toEqual(expect.arrayContaining(['REST', 'WEBHOOKS', ...EVENT_TYPES]));
  const { integrationId } = await clinic.partner({ scopes: ['read:visits'] });
  const seen: string[] = [];
  for (const step of [
    'pauseIntegration(id: $id, reason: "walk")',
    'resumeIntegration(id: $id)',
    'deprecateIntegration(id: $id, reason: "walk")',
  ]) {
    await clinic.omar.run(`mutation ($id: ID!) { ${step} { id } }`, { id: integrationId });
    seen.push((await read(integrationId)).status);
  }
  expect(seen).toEqual(['PAUSED', 'ACTIVE', 'DEPRECATED']);
  return `${known.name}: ${known.status}, ${known.approvedScopes.length} scopes, uses ${observed.join(', ')}; another one went ${seen.join(', ')}`;
});

criterion('14.1', async () => {
  const { clinic, reader } = here();
  const { body: reference } = await clinic.fetch('/api/v1/openapi.json');
  const check = createAnswerCheck([reference]);
  const { status, headers, text } = await reader.rest('GET', '/me');
  const said = { method: 'GET', path: '/api/v1/me', status, headers };
  expect(check({ ...said, text })).toEqual([]);
  // One field more, or one less, is noticed; so is a status that is not documented.
  const { token_id: _left, ...less } = JSON.parse(text);
  const wrong = [
    { ...said, text: JSON.stringify({ ...JSON.parse(text), colour: 'blue' }) },
    { ...said, text: JSON.stringify(less) },
  ];
  for (const one of [...wrong, { ...said, text, status: 218 }]) expect(check(one).length).toBeGreaterThan(0);
  return `every answer of this walk is held against the reference of ${Object.keys(reference.paths).length} paths; a field more or less is noticed`;
});

criterion('14.3', async () => {
  const { clinic, reader } = here();
  const me = await reader.rest('GET', '/me');
  expect(me.body.integration.environment).toBe('sandbox');
  const [row] = await clinic.owner`select count(*)::int as n from appointment.patients`;
  expect(row?.n).toBeGreaterThan(5);
  return `environment ${me.body.integration.environment}, ${row?.n} made-up patients`;
});

criterion('14.4', async () => {
  const { clinic, reader } = here();
  const foreign = await clinic.fetch('/api/v1/me', {
    headers: { authorization: `Bearer ${reader.token.replace('dci_test_', 'dci_live_')}` },
  });
  expectProblem(foreign, 401, 'invalid-token');
  await expect(
    clinic.owner`update integration.tokens set environment = 'production' where id = ${reader.tokenId}`,
  ).rejects.toThrow();
  return `a token of production: ${foreign.status}; nor can it be stored in a sandbox`;
});
