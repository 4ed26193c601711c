/**
 * The scopes an integration token can carry. This table is the only list of them: the SDL's `Scope` values, the
 * OpenAPI security scopes, the database's CHECK and the documentation are compared with it.
 *
 * @see docs/rules.md#least-privilege
 */
export interface ScopeDefinition {
  readonly grants: string;
  /** Needs a request, another manager's approval, a justification and an expiry. */
  readonly sensitive: boolean;
  readonly writes: boolean;
}

const read = (grants: string): ScopeDefinition => ({ grants, sensitive: false, writes: false });
const readSensitive = (grants: string): ScopeDefinition => ({ grants, sensitive: true, writes: false });
const write = (grants: string): ScopeDefinition => ({ grants, sensitive: true, writes: true });

export const SCOPES = {
  'read:appointments': read('Appointments: times, status, provider, chair; the patient only as an id.'),
  'read:visits': read('Visit summaries: status, times, procedures; never clinical notes.'),
  'read:patients': read('Patients, masked: a given name with an initial, the last two digits of a phone.'),
  'read:patients:identified': readSensitive('Patients in full: name, phone, e-mail.'),
  'read:invoices': read('Invoices, without amounts.'),
  'read:inventory': read('Stock levels; never cost.'),
  'read:reports': read('Aggregated reports without personal data.'),
  'read:financials': readSensitive('Amounts, totals and accounting exports.'),
  'write:payments': write('Confirm payments that a terminal has captured.'),
  'write:appointments': write('Import appointments into free slots.'),
  'write:imaging': write('Attach references to images that are stored elsewhere.'),
  'webhook:receive': read('Own webhook endpoints, their deliveries and the event feed.'),
} as const satisfies Record<string, ScopeDefinition>;

export type Scope = keyof typeof SCOPES;

export const SCOPE_NAMES = Object.keys(SCOPES) as readonly Scope[];

export const isScope = (value: string): value is Scope => Object.hasOwn(SCOPES, value);

/** Scopes that a clinic user's role maps to, so that a manager can read what a partner would read. Never a write. */
export function scopesOfRole(role: StaffRole): readonly Scope[] {
  switch (role) {
    case 'MANAGER':
      return SCOPE_NAMES.filter((name) => !SCOPES[name].writes);
    case 'DENTIST':
      return ['read:appointments', 'read:visits', 'read:patients', 'read:patients:identified'];
    case 'RECEPTION':
      return ['read:appointments', 'read:patients'];
    case 'ACCOUNTANT':
      return ['read:invoices', 'read:financials', 'read:reports'];
  }
}

/** Roles of clinic staff, as the identity provider's role claim and `appointment.staff_users` name them. */
export const STAFF_ROLES = ['MANAGER', 'DENTIST', 'RECEPTION', 'ACCOUNTANT'] as const;
export type StaffRole = (typeof STAFF_ROLES)[number];

export const ENVIRONMENTS = ['sandbox', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

export const SUBGRAPH_NAMES = ['appointment', 'billing', 'inventory', 'integration'] as const;
export type SubgraphName = (typeof SUBGRAPH_NAMES)[number];
