import { newId } from '@bridgework/kernel/ids';

const at = '2026-03-01T08:30:00.000Z';

export const appointment = (fields: Readonly<Record<string, unknown>> = {}) => ({
  id: newId('apt'),
  status: 'SCHEDULED',
  startsAt: at,
  endsAt: '2026-03-01T09:00:00.000Z',
  patient: { id: newId('pat'), displayName: 'سارة ا.' },
  provider: { id: newId('prv'), name: 'د. ليلى' },
  chair: null,
  source: 'CLINIC',
  sequence: 1,
  createdAt: at,
  updatedAt: at,
  ...fields,
});

export const patient = () => ({
  id: newId('pat'),
  displayName: 'سارة ا.',
  phoneMasked: '•••••••45',
  fullName: 'سارة الأحمد',
  phone: '+966551234545',
  email: null,
});

export const visit = () => ({
  id: newId('vis'),
  status: 'COMPLETED',
  patient: { id: newId('pat') },
  provider: { id: newId('prv') },
  startedAt: at,
  completedAt: '2026-03-01T09:00:00.000Z',
  procedures: [{ code: 'D1110', name: 'تنظيف الأسنان', tooth: null }],
  updatedAt: at,
});

export const item = () => ({ id: newId('itm'), sku: 'GLV-M', name: 'Gloves M', onHand: 3, reorderPoint: 10 });

export const receipt = (fields: Readonly<Record<string, unknown>> = {}) => ({
  confirmationId: newId('cnf'),
  status: 'RECORDED',
  paymentId: newId('pay'),
  invoiceId: newId('inv'),
  invoiceStatus: 'PAID',
  amountMinor: 10_000,
  currency: 'SAR',
  balance: { amountMinor: 0, currency: 'SAR' },
  businessDate: '2026-03-01',
  latePosted: false,
  replayed: false,
  recordedEarlier: false,
  ...fields,
});

export const confirmation = (fields: Readonly<Record<string, unknown>> = {}) => ({
  id: newId('cnf'),
  status: 'REJECTED',
  reason: 'AMOUNT_EXCEEDS_BALANCE',
  invoiceId: newId('inv'),
  paymentId: null,
  terminalId: 'T1',
  terminalTxnId: 'X1',
  amountMinor: 10_000,
  currency: 'SAR',
  capturedAt: at,
  receivedAt: at,
  businessDate: null,
  latePosted: false,
  ...fields,
});

export const payable = () => ({
  id: newId('inv'),
  status: 'ISSUED',
  balance: { amountMinor: 10_000, currency: 'SAR' },
});

export const me = () => ({
  kind: 'INTEGRATION',
  name: 'Terminal',
  tokenId: newId('tok'),
  expiresAt: null,
  reviewDueOn: '2026-09-01',
  scopes: ['read:appointments', 'write:payments'],
  integration: { id: newId('int'), name: 'Acme', environment: 'SANDBOX' },
});

/** A connection whose cursors are positions in the list. */
export const connection =
  <Node>(nodes: readonly Node[]) =>
  ({ first, after }: { readonly first: number; readonly after: string | null }) => {
    const begin = after === null ? 0 : Number(after) + 1;
    const page = nodes.slice(begin, begin + first);
    const end = begin + page.length;
    return {
      edges: page.map((node) => ({ node })),
      pageInfo: { hasNextPage: end < nodes.length, endCursor: page.length === 0 ? null : String(end - 1) },
      nextUpdatedSince: at,
    };
  };

export const payment = (fields: Readonly<Record<string, unknown>> = {}) => ({
  invoice_id: newId('inv'),
  amount_minor: 10_000,
  currency: 'SAR',
  terminal_id: 'T1',
  terminal_txn_id: 'X1',
  captured_at: '2026-03-01T11:30:00+03:00',
  ...fields,
});
