import { type Random, randomFrom } from '../../support/random.ts';

/** What happens at one moment to one or two invoices; made of a seed alone. */
export interface Schedule {
  readonly seed: number;
  /** Its own week, so that it has business days of its own to close. */
  readonly now: Date;
  readonly invoices: readonly PlannedInvoice[];
  /** All begun at once, in this order. */
  readonly steps: readonly Step[];
}

export interface PlannedInvoice {
  readonly currency: string;
  readonly totalMinor: number;
  readonly status: 'DRAFT' | 'ISSUED' | 'VOID';
}

export type Step =
  | ConfirmStep
  | { readonly kind: 'cash'; readonly invoice: number; readonly amountMinor: number; readonly capturedAt: Date }
  | { readonly kind: 'close'; readonly day: Date }
  | { readonly kind: 'issue' | 'void'; readonly invoice: number };

export interface ConfirmStep {
  readonly kind: 'confirm';
  readonly terminalOwner: number;
  /** Null: an invoice that nobody knows. */
  readonly invoice: number | null;
  readonly amountMinor: number;
  readonly currency: string;
  readonly terminalId: string;
  readonly terminalTxnId: string;
  readonly capturedAt: Date;
  readonly idempotencyKey: string;
}

export const TERMINAL_OWNERS = 3;
const CURRENCIES = ['SAR', 'KWD', 'JPY'] as const;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** `index` chooses the week, `seed` everything else. */
export function planSchedule(seed: number, index: number): Schedule {
  const random = randomFrom(seed);
  // Never the week of today, whose closing would rightly stop the clinic from issuing invoices.
  const now = new Date(Date.now() - (index + 1) * 10 * DAY_MS);
  const invoices = Array.from({ length: random.int(1, 2) }, () => planInvoice(random));
  const steps: Step[] = [];
  for (let count = random.int(4, 9), turn = 0; turn < count; turn += 1) {
    steps.push(planStep(random, { now, invoices, steps, name: `${index}-${turn}` }));
  }
  return { seed, now, invoices, steps: random.shuffle(steps) };
}

const planInvoice = (random: Random): PlannedInvoice => ({
  currency: random.pick(CURRENCIES),
  totalMinor: random.int(1, 12) * random.pick([1, 7, 1_000, 12_345]),
  status: random.chance(0.85) ? 'ISSUED' : random.pick(['DRAFT', 'VOID']),
});

interface Sofar {
  readonly now: Date;
  readonly invoices: readonly PlannedInvoice[];
  readonly steps: readonly Step[];
  readonly name: string;
}

function planStep(random: Random, sofar: Sofar): Step {
  const invoice = random.int(0, sofar.invoices.length - 1);
  const kind = random.int(1, 100);
  if (kind <= 50) return planConfirmation(random, sofar, invoice);
  if (kind <= 72) return repeat(random, sofar) ?? planConfirmation(random, sofar, invoice);
  if (kind <= 87) {
    const amountMinor = amountOf(random, sofar.invoices[invoice]);
    return { kind: 'cash', invoice, amountMinor, capturedAt: momentBefore(random, sofar.now) };
  }
  if (kind <= 95) return { kind: 'close', day: momentBefore(random, sofar.now) };
  return { kind: random.pick(['issue', 'void']), invoice };
}

function planConfirmation(random: Random, { now, invoices, name }: Sofar, invoice: number): ConfirmStep {
  const capturedAt = random.chance(0.05)
    ? new Date(now.getTime() + random.pick([10 * MINUTE_MS, -8 * DAY_MS]))
    : momentBefore(random, now);
  return {
    kind: 'confirm',
    terminalOwner: random.int(0, TERMINAL_OWNERS - 1),
    invoice: random.chance(0.04) ? null : invoice,
    amountMinor: amountOf(random, invoices[invoice]),
    currency: random.chance(0.06) ? 'USD' : (invoices[invoice]?.currency ?? 'SAR'),
    terminalId: random.pick(['T1', 'T2']),
    terminalTxnId: `txn-${name}`,
    capturedAt,
    idempotencyKey: `key-${name}`,
  };
}

/** The same capture once more: under its key, under another one, or with another amount. */
function repeat(random: Random, { steps, name }: Sofar): ConfirmStep | undefined {
  const confirmations = steps.filter((step) => step.kind === 'confirm');
  if (confirmations.length === 0) return undefined;
  const original = random.pick(confirmations);
  const way = random.pick(['same key', 'other key', 'other content'] as const);
  if (way === 'same key') return original;
  const again = { ...original, idempotencyKey: `key-${name}` };
  return way === 'other key' ? again : { ...again, amountMinor: original.amountMinor + 1 };
}

const amountOf = (random: Random, { totalMinor }: PlannedInvoice = { currency: '', totalMinor: 1, status: 'DRAFT' }) =>
  random.chance(0.08) ? totalMinor + 1 : random.int(1, random.chance(0.4) ? totalMinor : Math.ceil(totalMinor / 3));

const momentBefore = (random: Random, now: Date) =>
  new Date(now.getTime() - random.int(0, 2) * DAY_MS - random.int(0, 600) * MINUTE_MS);
