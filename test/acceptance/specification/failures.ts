import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import {
  addEndpoint,
  alertsOf,
  appointmentRow,
  capture,
  criterion,
  expectProblem,
  happen,
  here,
  issuedInvoice,
  write,
} from './walk.ts';

criterion(['10.1.1', '10.1.2'], async () => {
  const body = capture(await issuedInvoice(10_000));
  const wrong: [object | string, number, string][] = [
    [{ ...body, amount_minor: '10000' }, 400, 'validation-failed'],
    [{ ...body, amount_minor: 0 }, 400, 'validation-failed'],
    [{ ...body, colour: 'blue' }, 400, 'unknown-field'],
    ['{"invoice_id": "a", "invoice_id": "b"}', 400, 'malformed-json'],
  ];
  for (const [sent, status, slug] of wrong)
    expectProblem(await write('/payment-confirmations', sent as object), status, slug);
  return `${wrong.length} bodies that are nearly right: each refused by name`;
});

criterion('10.1.3', async () => {
  const rows = [
    await appointmentRow('2035-03-05', 'good'),
    await appointmentRow('2035-03-06', 'bad', { patient_id: 'pat_nobody' }),
  ];
  const { status, body } = await write('/appointment-imports', { rows });
  expect([status, body.errors]).toEqual([400, [expect.objectContaining({ pointer: '/rows/1' })]]);
  const [row] = await here().clinic
    .owner`select count(*)::int as n from appointment.appointments where external_id = 'good'`;
  expect(row?.n).toBe(0);
  return `one bad row of two: ${status}, at ${body.errors[0].pointer}, nothing booked`;
});

criterion('10.2.2', async () => {
  const { clinic, failing } = here();
  failing.answer(() => 503);
  const endpoint = await addEndpoint(failing.url, ['visit.completed']);
  const before = failing.events.length;
  await happen('visit.completed', 12);
  const alert = await alertsOf(endpoint.id, 'endpoint.breaker_open');
  await happen('visit.completed', 2);
  const [held] = await eventually(async () => {
    const rows = await clinic.owner<{ n: number }[]>`select count(*)::int as n from integration.deliveries d
      join integration.webhook_endpoints e on e.key = d.endpoint_key
      where e.id = ${endpoint.id} and d.attempts = 0`;
    return (rows[0]?.n ?? 0) >= 2 ? rows : undefined;
  });
  failing.answer(() => 204);
  return `after ${failing.events.length - before} failures the breaker opened (alert ${alert.id}); ${held?.n} that came since wait and lost no attempt`;
});
