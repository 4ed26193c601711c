import type { Caller } from '@bridgework/kernel/context';
import type { Money } from '@bridgework/kernel/money';
import type { Invoice } from './load-invoices.ts';

type Amounts = Pick<Invoice, 'totalMinor' | 'paidMinor' | 'currency' | 'status'>;

export const totalOf = ({ totalMinor, currency }: Amounts): Money => ({ amountMinor: totalMinor, currency });

/** What is no longer owed: what was paid; of a withdrawn invoice all of it. */
export const settledOf = ({ totalMinor, paidMinor, status }: Omit<Amounts, 'currency'>): number =>
  status === 'VOID' ? totalMinor : paidMinor;

/** What is still owed. */
export const balanceOf = (amounts: Amounts): Money => ({
  amountMinor: amounts.totalMinor - settledOf(amounts),
  currency: amounts.currency,
});

/** The running number counts the clinic's invoices: its own people see it, partners a random reference. */
export const referenceFor = (caller: Caller, { reference, number }: Pick<Invoice, 'reference' | 'number'>): string =>
  caller.kind === 'user' ? number : reference;
