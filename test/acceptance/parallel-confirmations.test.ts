import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Partner } from '../support/partner.ts';
import { countEffects, NOTHING } from './payments/effects.ts';

/** `npm run race:payments` plays 200 rounds; the suite a few. */
const ROUNDS = Number(process.env.PAYMENT_ROUNDS ?? 6);
const AT_ONCE = 64;
let clinic: Clinic;
let terminal: Partner;

beforeAll(async () => {
  const plenty = {
    TOKEN_REQUESTS_PER_MINUTE: '100000',
    INTEGRATION_REQUESTS_PER_MINUTE: '100000',
    TOKEN_COST_PER_MINUTE: '100000000',
  };
  clinic = await startClinic({ simulator: false, gateway: plenty });
  terminal = await clinic.partner({ scopes: ['write:payments'] });
});
afterAll(() => clinic?.close());

test(
  `${AT_ONCE} identical confirmations at once are one payment and one event, in each of ${ROUNDS} rounds, and never a 5xx`,
  async () => {
    const invoices = await clinic.core<{ id: string }[]>`
      insert into billing.invoices (patient_id, currency, total_minor, due_on)
      select (select id from appointment.patients limit 1), 'SAR', 10000, current_date + 30
      from generate_series(1, ${ROUNDS}) returning id`;
    await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date
      where id in ${clinic.core(invoices.map(({ id }) => id))}`;
    for (const [round, { id }] of invoices.entries()) {
      const before = await countEffects(clinic.owner);
      const body = {
        invoice_id: id,
        amount_minor: 10_000,
        currency: 'SAR',
        terminal_id: 'DESK-1',
        terminal_txn_id: randomUUID(),
        captured_at: new Date().toISOString(),
      };
      // Half of the rounds under one key, half under a key each: the terminal's transaction alone must hold.
      const key = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, () =>
          terminal.rest('POST', '/payment-confirmations', {
            body,
            headers: { 'idempotency-key': round % 2 === 0 ? key : randomUUID() },
          }),
        ),
      );
      // Who waited two seconds for the key is told to come again; that is no second payment.
      const other = answers.filter(({ status }) => ![200, 201, 409].includes(status));
      expect([...new Set(other.map(({ text }) => text))].slice(0, 3), JSON.stringify(body)).toEqual([]);
      const done = answers.filter(({ status }) => status < 300);
      expect(done.filter(({ headers }) => !headers.has('idempotent-replayed'))).toHaveLength(1);
      expect(new Set(done.map(({ body: receipt }) => receipt.payment_id)).size).toBe(1);
      const after = await countEffects(clinic.owner);
      const added = Object.fromEntries(
        Object.entries(after).map(([name, count]) => [name, count - before[name as keyof typeof before]]),
      );
      expect(added).toEqual({ ...NOTHING, payments: 1, events: 1, confirmed: 1, ok: 1, replay: done.length - 1 });
    }
  },
  ROUNDS * 10_000,
);
