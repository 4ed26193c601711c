import { DomainError } from '@bridgework/kernel/errors';
import type { Resolvers } from './subgraph-server.ts';

const money = { amountMinor: 12_500, currency: 'SAR' };
const entity = () => (reference: object) => reference;

/** A day of the clinic, small enough to be read, that crosses all four subgraphs. */
export const appointmentResolvers: Resolvers = {
  Query: {
    appointments: () => ({
      edges: [{ cursor: 'c1', node: appointment }],
      pageInfo: { hasNextPage: false, endCursor: 'c1' },
    }),
    appointment: (_: unknown, { id }: { id: string }) => {
      if (id === 'apt_ghost') return { ...appointment, id, patient: { __typename: 'Patient', id: 'pat_ghost' } };
      return id === appointment.id ? appointment : null;
    },
  },
};

const appointment = {
  __typename: 'Appointment',
  id: 'apt_1',
  status: 'COMPLETED',
  startsAt: '2026-03-01T08:30:00.000Z',
  endsAt: '2026-03-01T09:00:00.000Z',
  provider: { __typename: 'Provider', id: 'prv_1', name: 'Dr. Noura' },
  patient: { __typename: 'Patient', id: 'pat_1', displayName: 'سارة م.', phoneMasked: '••••42' },
  visit: {
    ...{ __typename: 'Visit', id: 'vis_1', status: 'COMPLETED', completedAt: '2026-03-01T09:00:00.000Z' },
    appointment: (): unknown => appointment,
  },
};

export const billingResolvers = (confirmed: { count: number }): Resolvers => ({
  // Billing has never heard of this one; a reference that is not found is null.
  Patient: {
    __resolveReference: (reference: { id: string }) => (reference.id === 'pat_ghost' ? null : reference),
    balances: () => [money],
  },
  Visit: {
    __resolveReference: entity(),
    invoice: () => ({ id: 'inv_1', reference: 'INV-1', status: 'ISSUED', balance: money }),
  },
  Mutation: {
    confirmPayment: (_: unknown, { input }: { input: { invoiceId: string } }) => {
      if (input.invoiceId === 'inv_paid') throw new DomainError('INVOICE_ALREADY_PAID');
      if (input.invoiceId === 'inv_bug') throw new Error('relation "billing.payments" does not exist');
      confirmed.count += 1;
      return {
        confirmationId: 'cnf_1',
        paymentId: 'pay_1',
        invoiceId: input.invoiceId,
        invoiceStatus: 'PAID',
        balance: { amountMinor: 0, currency: 'SAR' },
        replayed: false,
      };
    },
  },
});

const lowStock = {
  edges: [{ cursor: 'c', node: { id: 'itm_1', sku: 'GLV', name: 'Gloves', onHand: 2, reorderPoint: 10 } }],
  pageInfo: { hasNextPage: false, endCursor: 'c' },
};

/** So many entries come only when {@link releaseHeld} is called. */
export const HELD = 98;
const held: (() => void)[] = [];
export const releaseHeld = (): void => {
  for (const release of held.splice(0)) release();
};

export const inventoryResolvers: Resolvers = {
  Query: {
    // Ninety-nine never come: a subgraph that hangs.
    lowStockItems: async (_: unknown, { first }: { first: number }) => {
      if (first === 99) await new Promise(() => undefined);
      if (first === HELD) await new Promise<void>((resolve) => held.push(resolve));
      return lowStock;
    },
  },
  Visit: {
    __resolveReference: entity(),
    materialsUsed: () => [{ quantity: 2, item: { id: 'itm_1', sku: 'GLV', name: 'Gloves' } }],
  },
};

export const integrationResolvers: Resolvers = {
  Query: {
    me: () => ({ kind: 'INTEGRATION', name: 'a token', scopes: [], expiresAt: null }),
    integrations: () => ({ edges: [], pageInfo: { hasNextPage: false, endCursor: null } }),
  },
  Appointment: { __resolveReference: entity(), importedBy: () => null },
};
