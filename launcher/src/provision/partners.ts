import type { Scope } from '@bridgework/schema';

/** An example partner of the sandbox, as two managers would enter it. */
export interface PartnerPlan {
  readonly name: string;
  readonly purpose: string;
  readonly businessJustification: string;
  readonly dataScope: string;
  readonly riskAssessment: string;
  readonly scopes: readonly Scope[];
  readonly declaredApis: readonly string[];
  /** Files of schema/operations/examples that it registers. */
  readonly documents: readonly string[];
}

export const RECALL_PARTNER: PartnerPlan = {
  name: 'Recall Desk (example)',
  purpose: 'Shows the day sheet on a screen beside the chairs and is told what changes.',
  businessJustification: 'Assistants prepare rooms and materials before the patient comes in.',
  dataScope: 'Appointments, visits, masked patients, balances, materials; no contact data.',
  riskAssessment: 'Reads only. A lost token shows masked names and balances until it is revoked.',
  scopes: [
    'read:appointments',
    'read:visits',
    'read:patients',
    'read:invoices',
    'read:financials',
    'read:inventory',
    'webhook:receive',
  ],
  declaredApis: ['GRAPHQL', 'WEBHOOKS'],
  documents: ['day-sheet', 'low-stock', 'who-am-i'],
};

export const TERMINAL_PARTNER: PartnerPlan = {
  name: 'Card Terminal (example)',
  purpose: 'Confirms card payments that the terminal at the desk has captured.',
  businessJustification: 'The desk types no amounts twice.',
  dataScope: 'Appointments to find the patient at the desk; the payable balance of an invoice.',
  riskAssessment: 'May record a payment up to the balance owed, once per terminal transaction.',
  scopes: ['read:appointments', 'read:invoices', 'read:financials', 'write:payments'],
  declaredApis: ['REST', 'GRAPHQL'],
  documents: ['confirm-payment', 'who-am-i'],
};
