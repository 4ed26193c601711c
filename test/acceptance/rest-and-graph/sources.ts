import type { Scope } from '@bridgework/schema';
import type { Chance } from '../../rest/fuzz/chance.ts';

/** Ids that exist. */
export interface Ids {
  readonly appointments: readonly string[];
  readonly visits: readonly string[];
  readonly patients: readonly string[];
  readonly providers: readonly string[];
  readonly invoices: readonly string[];
}

type Filter = Readonly<Record<string, string>>;

/** A route of REST beside the part of the graph that tells the same. */
export interface Source {
  readonly name: string;
  readonly route: string;
  readonly isList: boolean;
  readonly path: (filter: Filter) => string;
  /** The root field with its arguments. */
  readonly root: string;
  /** Variables that it declares. */
  readonly declares: string;
  readonly variables: (filter: Filter) => object;
  readonly selection: string;
  /** Where what is asked for depends on the caller. */
  readonly selectionFor?: (scopes: readonly Scope[]) => string;
  // biome-ignore lint/suspicious/noExplicitAny: what the selection above asks for, read by name.
  readonly toRest: (node: any) => unknown;
  readonly filter: (chance: Chance, ids: Ids) => Filter;
  /** A filter under which each field below has a value. */
  readonly full: (ids: Ids) => Filter;
  /** Each field of the DTO, with the graph's field it is made of. */
  readonly fields: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;
const instant = (chance: Chance): string => new Date(Date.now() + (chance.below(10) - 5) * DAY_MS).toISOString();
const someOf = (chance: Chance, parts: Filter): Filter =>
  Object.fromEntries(Object.entries(parts).filter(() => chance.once(2)));
const unknown = (prefix: string): string => `${prefix}_00000000000000000000000000`;
const one = (own: (ids: Ids) => readonly string[], prefix: string) => ({
  filter: (chance: Chance, ids: Ids): Filter => ({ id: chance.pick([...own(ids), unknown(prefix)]) }),
  full: (ids: Ids): Filter => ({ id: own(ids)[0] ?? '' }),
  declares: '$id: ID!',
  variables: ({ id }: Filter) => ({ id }),
  isList: false,
});
/** Which id is asked for stands in the path. */
const at =
  (before: string, after = '') =>
  (filter: Filter): string =>
    `${before}/${filter.id}${after}`;

const APPOINTMENT = {
  id: 'id',
  status: 'status',
  starts_at: 'startsAt',
  ends_at: 'endsAt',
  patient_id: 'patient { id }',
  provider_id: 'provider { id }',
  chair_id: 'chair { id }',
  source: 'source',
  sequence: 'sequence',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
};
const VISIT = {
  id: 'id',
  status: 'status',
  patient_id: 'patient { id }',
  provider_id: 'provider { id }',
  started_at: 'startedAt',
  procedures: 'procedures { code name tooth }',
  updated_at: 'updatedAt',
};
const ofFields = (fields: Readonly<Record<string, string>>, more = ''): string =>
  `${Object.values(fields).join(' ')} ${more}`;

// biome-ignore lint/suspicious/noExplicitAny: as above.
const appointmentToRest = (node: any) => ({
  id: node.id,
  status: node.status,
  starts_at: node.startsAt,
  ends_at: node.endsAt,
  patient_id: node.patient.id,
  provider_id: node.provider.id,
  chair_id: node.chair?.id ?? null,
  source: node.source,
  sequence: node.sequence,
  created_at: node.createdAt,
  updated_at: node.updatedAt,
});
// biome-ignore lint/suspicious/noExplicitAny: as above.
const visitToRest = (node: any) => ({
  id: node.id,
  status: node.status,
  patient_id: node.patient.id,
  provider_id: node.provider.id,
  started_at: node.startedAt,
  completed_at: node.completedAt,
  procedures: node.procedures,
  updated_at: node.updatedAt,
});

const appointments: Source = {
  name: 'appointments',
  route: '/appointments',
  isList: true,
  path: () => '/appointments',
  root: 'appointments(filter: $filter, first: 7, after: $after)',
  declares: '$filter: AppointmentFilter',
  variables: (filter) => ({
    filter: {
      startsFrom: filter.starts_from,
      startsTo: filter.starts_to,
      updatedSince: filter.updated_since,
      status: filter.status,
      providerId: filter.provider_id,
    },
  }),
  selection: ofFields(APPOINTMENT),
  toRest: appointmentToRest,
  filter: (chance, ids) =>
    someOf(chance, {
      starts_from: instant(chance),
      starts_to: instant(chance),
      updated_since: instant(chance),
      status: chance.pick(['SCHEDULED', 'COMPLETED', 'CANCELLED', 'NO_SHOW']),
      provider_id: chance.pick([...ids.providers, unknown('prv')]),
    }),
  full: () => ({}),
  fields: APPOINTMENT,
};

const visits: Source = {
  name: 'visits',
  route: '/visits',
  isList: true,
  path: () => '/visits',
  root: 'visits(filter: $filter, first: 7, after: $after)',
  declares: '$filter: VisitFilter',
  variables: (filter) => ({
    filter: {
      startedFrom: filter.started_from,
      startedTo: filter.started_to,
      updatedSince: filter.updated_since,
      status: filter.status,
      providerId: filter.provider_id,
    },
  }),
  selection: ofFields(VISIT, 'completedAt'),
  toRest: visitToRest,
  filter: (chance, ids) =>
    someOf(chance, {
      started_from: instant(chance),
      started_to: instant(chance),
      updated_since: instant(chance),
      status: chance.pick(['OPEN', 'COMPLETED']),
      provider_id: chance.pick([...ids.providers, unknown('prv')]),
    }),
  full: () => ({}),
  fields: VISIT,
};

const patient: Source = {
  ...one(({ patients }) => patients, 'pat'),
  name: 'patient',
  route: '/patients/{id}',
  path: at('/patients'),
  root: 'patient(id: $id)',
  selection: 'id displayName phoneMasked',
  selectionFor: (scopes) =>
    `id displayName phoneMasked ${scopes.includes('read:patients:identified') ? 'fullName phone email' : ''}`,
  toRest: ({ id, displayName, phoneMasked, fullName, phone, email }) => ({
    id,
    display_name: displayName,
    phone_masked: phoneMasked,
    identified: fullName === undefined ? null : { full_name: fullName, phone, email },
  }),
  fields: {
    id: 'id',
    display_name: 'displayName',
    phone_masked: 'phoneMasked',
    'identified.full_name': 'fullName',
    'identified.phone': 'phone',
  },
};

const report = (path: string, kind: string): Source => ({
  name: `report ${path}`,
  route: `/reports/${path}`,
  isList: false,
  path: () => `/reports/${path}`,
  root: `activityReport(kind: ${kind}, from: $from, to: $to)`,
  declares: '$from: Date!, $to: Date!',
  variables: ({ from, to }) => ({ from, to }),
  selection: 'from to unit rows { provider { id } cells { period suppressed count rate } }',
  toRest: ({ rows, ...rest }) => ({
    ...rest,
    rows: rows.map(({ provider, cells }: { provider: { id: string } | null; cells: unknown }) => ({
      provider_id: provider?.id ?? null,
      cells,
    })),
  }),
  // Months that are over, and one range that is no whole period.
  filter: (chance) =>
    chance.pick([
      { from: '2026-03-01', to: '2026-03-31' },
      { from: '2026-01-01', to: '2026-06-30' },
      { from: '2026-03-02', to: '2026-03-05' },
    ]),
  full: () => ({ from: '2026-03-01', to: '2026-03-31' }),
  fields: { from: 'from', to: 'to', unit: 'unit', rows: 'rows { cells { count } }' },
});

const EXPORT = {
  id: 'id',
  kind: 'kind',
  period: 'period',
  position: 'position',
  content_sha256: 'sha256',
  previous_sha256: 'previousSha256',
  generated_at: 'generatedAt',
  generated_by: 'generatedBy',
  formats: 'formats',
};
const STOCK = { id: 'id', sku: 'sku', name: 'name', on_hand: 'onHand', reorder_point: 'reorderPoint' };

export const SOURCES: readonly Source[] = [
  appointments,
  {
    ...appointments,
    ...one((ids) => ids.appointments, 'apt'),
    name: 'appointment',
    route: '/appointments/{id}',
    path: at('/appointments'),
    root: 'appointment(id: $id)',
  },
  visits,
  {
    ...visits,
    ...one((ids) => ids.visits, 'vis'),
    name: 'visit',
    route: '/visits/{id}',
    path: at('/visits'),
    root: 'visit(id: $id)',
  },
  patient,
  {
    ...one(({ invoices }) => invoices, 'inv'),
    name: 'payable invoice',
    route: '/invoices/{id}/payable',
    path: at('/invoices', '/payable'),
    root: 'payableInvoice(id: $id)',
    selection: 'id status balance { amountMinor currency }',
    toRest: ({ id, status, balance }) => ({
      id,
      status,
      balance_minor: Number(balance.amountMinor),
      currency: balance.currency,
    }),
    fields: {
      id: 'id',
      status: 'status',
      balance_minor: 'balance { amountMinor }',
      currency: 'balance { currency }',
    },
  },
  {
    name: 'low stock',
    route: '/inventory/low-stock',
    isList: true,
    path: () => '/inventory/low-stock',
    root: 'lowStockItems(first: 3, after: $after)',
    declares: '',
    variables: () => ({}),
    selection: ofFields(STOCK),
    toRest: ({ id, sku, name, onHand, reorderPoint }) => ({
      id,
      sku,
      name,
      on_hand: onHand,
      reorder_point: reorderPoint,
    }),
    filter: () => ({}),
    full: () => ({}),
    fields: STOCK,
  },
  {
    name: 'exports',
    route: '/exports',
    isList: true,
    path: () => '/exports',
    root: 'reportExports(filter: $filter, first: 3, after: $after)',
    declares: '$filter: ReportExportFilter',
    variables: ({ kind }) => ({ filter: { kind } }),
    selection: ofFields(EXPORT),
    toRest: ({ sha256, previousSha256, generatedAt, generatedBy, formats, ...rest }) => ({
      ...rest,
      content_sha256: sha256,
      previous_sha256: previousSha256,
      generated_at: generatedAt,
      generated_by: generatedBy,
      formats: formats.map((format: string) => format.toLowerCase()),
    }),
    filter: (chance) => someOf(chance, { kind: chance.pick(['DAILY_COLLECTED_REVENUE', 'MONTHLY_PROFIT_SUMMARY']) }),
    full: () => ({}),
    fields: EXPORT,
  },
  report('daily-appointments', 'DAILY_APPOINTMENTS'),
  report('visit-volume', 'VISIT_VOLUME'),
  report('no-show-rate', 'NO_SHOW_RATE'),
];
