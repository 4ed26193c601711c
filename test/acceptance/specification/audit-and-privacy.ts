import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { ItemId } from './items.ts';
import { addEndpoint, criterion, expectProblem, here, issuedInvoice, somePatient } from './walk.ts';

const EVENTS: readonly (readonly [item: ItemId, action: string, result: string])[] = [
  ['11.1.1', 'token.issue', 'OK'],
  ['11.1.2', 'token.revoke', 'OK'],
  ['11.1.3', 'payment.confirm', 'OK'],
  ['11.1.4', 'payment.confirm', 'REJECTED'],
  ['11.1.5', 'webhook.deliver', 'OK'],
  ['11.1.7', 'export.generate', 'OK'],
  ['11.1.8', 'export.download', 'OK'],
];
for (const [item, action, result] of EVENTS) {
  criterion(item, async () => {
    const entry = await here().clinic.audited({ action, result });
    return `${entry.id} ${action} ${result}`;
  });
}

criterion('11.1.9', async () => {
  const { auditEntries } =
    await here().clinic.huda.run(`{ auditEntries(filter: { action: "payment.confirm", result: REJECTED },
    first: 1) { edges { node { integrationId action entity entityId timestamp result errorMessage } } } }`);
  const [{ node }] = auditEntries.edges;
  for (const [field, value] of Object.entries(node)) expect(value, field).not.toBeNull();
  return JSON.stringify(node);
});

criterion(['12.1', '12.2', '12.4'], async () => {
  const id = await somePatient();
  const { body } = await here().reader.rest('GET', `/patients/${id}`);
  const [row] = await here().clinic.owner`select full_name, phone_e164 from appointment.patients where id = ${id}`;
  expect(body.phone_masked).toMatch(/^•+\d\d$/);
  expect(body.identified).toBeNull();
  expect(JSON.stringify(body)).not.toContain(row?.full_name);
  expect(JSON.stringify(body)).not.toContain(String(row?.phone_e164).slice(-7));
  expect(id).toMatch(/^pat_[0-9a-z]{26}$/);
  return `${id}: phone ${body.phone_masked}, ${Object.keys(body).length} fields, neither name nor number`;
});

criterion('12.3', async () => {
  const { clinic, failing } = here();
  const plain = await clinic.partner({ scopes: ['read:invoices', 'webhook:receive'] });
  expectProblem(await plain.rest('GET', '/exports?limit=1'), 403, 'insufficient-scope');
  failing.answer(() => 204);
  await addEndpoint(failing.url, ['invoice.created'], { integrationId: plain.integrationId });
  const invoiceId = await issuedInvoice(98_765);
  const tellings = await eventually(
    () => {
      const told = [clinic.receiver, failing].map(({ events }) =>
        events.find(({ payload }) => payload.event_type === 'invoice.created' && payload.entity_id === invoiceId),
      );
      return told.every((event) => event !== undefined) ? told : undefined;
    },
    { withinMs: 15_000 },
  );
  const [approved, without] = tellings.map((event) => event?.body);
  expect(approved).toContain('98765');
  expect(without).not.toContain('98765');
  return 'the same invoice was told with its total to who has read:financials, and without it to who has not; exports: 403';
});
