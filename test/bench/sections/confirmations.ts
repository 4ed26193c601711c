import { randomBytes } from 'node:crypto';
import { applyLoad, httpRequest, warmUp } from '../load.ts';
import { type RealClinic, startRealClinic } from '../real-clinic.ts';
import { median, milliseconds, type Section } from '../section.ts';

const RATE = 150;
const WARM_UP_SECONDS = 2;

export const confirmationsSection: Section = {
  name: 'confirmations',
  title: 'Payment confirmations',
  about: `${RATE} confirmations in each second through REST, every one of them new and recorded: a payment of the smallest amount, its audit rows and its events in one transaction. Latencies are counted from when a request was due. Everything shares the machine's cores.`,
  onEveryCore: true,
  async run(bench) {
    const clinic = await startRealClinic(bench.folder, {
      scopes: ['write:payments', 'read:invoices', 'read:financials'],
    });
    try {
      const load = { port: clinic.gateway.port, connections: 32, perSecond: RATE };
      await warmUp({ ...load, requests: await confirmations(clinic, RATE * WARM_UP_SECONDS * 2) }, WARM_UP_SECONDS);
      const rounds = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const requests = await confirmations(clinic, RATE * bench.seconds * 2);
        const measured = await applyLoad({ ...load, requests, seconds: bench.seconds });
        if (measured.firstFailure !== undefined) throw new Error(`A confirmation failed: ${measured.firstFailure}`);
        bench.say(
          `  ${measured.perSecond.toFixed(0)} a second: p50 ${milliseconds(measured.p50)}, p99 ${milliseconds(measured.p99)}`,
        );
        rounds.push(measured);
      }
      const p99 = median(rounds.map((one) => one.p99));
      return [
        {
          what: `p99 at ${RATE} a second`,
          ours: milliseconds(p99),
          beside: '',
          promise: '≤ 60 ms',
          holds: p99 <= 60,
        },
        {
          what: `p50 at ${RATE} a second`,
          ours: milliseconds(median(rounds.map((one) => one.p50))),
          beside: '',
        },
      ];
    } finally {
      await clinic.stop();
    }
  },
};

/** Confirmations nobody has sent before, over the invoices on which most is owed. */
async function confirmations({ owner, partner }: RealClinic, count: number): Promise<Buffer[]> {
  const invoices = await owner<{ id: string; currency: string }[]>`
    select id, currency from billing.invoices where status in ('ISSUED', 'PARTIALLY_PAID')
      and total_minor - paid_minor > ${count} order by key limit 100`;
  if (invoices.length < 20) throw new Error('The clinic has not enough invoices on which something is owed.');
  return Array.from({ length: count }, (_, at) => {
    const invoice = invoices[at % invoices.length];
    const txn = `BENCH-${randomBytes(6).toString('hex').toUpperCase()}`;
    const body = {
      invoice_id: invoice?.id,
      amount_minor: 1,
      currency: invoice?.currency,
      terminal_id: 'DESK-1',
      terminal_txn_id: txn,
      captured_at: new Date().toISOString(),
    };
    const headers = { authorization: `Bearer ${partner.token}`, 'idempotency-key': txn };
    return httpRequest('/api/v1/payment-confirmations', headers, body);
  });
}
