import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Contract, findBreakingChanges } from '../../gateway/src/rest/breaking/breaking-changes.ts';

const text = readFileSync(new URL('../../schema/rest/v1.openapi.json', import.meta.url), 'utf8');
const read = (): Contract => JSON.parse(text);

// biome-ignore lint/suspicious/noExplicitAny: a contract is changed at places that no type knows.
type Loose = any;
const changed = (change: (contract: Loose) => void): Contract => {
  const contract = read();
  change(contract);
  return contract;
};

const list = (one: Loose) => one.paths['/api/v1/appointments'].get;
const confirm = (one: Loose) => one.paths['/api/v1/payment-confirmations'].post;
const schema = (one: Loose, name: string) => one.components.schemas[name];
const parameter = (operation: Loose, name: string) => operation.parameters.find((one: Loose) => one.name === name);
const payload = (one: Loose, type: string) => one.webhooks[type].post.requestBody.content['application/json'].schema;

const BREAKING: readonly (readonly [string, (contract: Loose) => void])[] = [
  ['an operation is gone', (one) => void delete one.paths['/api/v1/visits'].get],
  ['a path is gone', (one) => void delete one.paths['/api/v1/me']],
  [
    'an operation has another id',
    (one) => {
      list(one).operationId = 'allAppointments';
    },
  ],
  [
    'an operation needs another scope',
    (one) => {
      list(one).security = [{ integrationToken: ['read:visits'] }];
    },
  ],
  ['an operation needs one scope more', (one) => void list(one).security[0].integrationToken.push('read:patients')],
  [
    'a public operation needs a token',
    (one) => {
      one.paths['/api/v1/versions'].get.security = [{ integrationToken: [] }];
    },
  ],
  [
    'a parameter is gone',
    (one) => {
      list(one).parameters = list(one).parameters.filter((p: Loose) => p.name !== 'status');
    },
  ],
  [
    'a parameter is required',
    (one) => {
      parameter(list(one), 'status').required = true;
    },
  ],
  [
    'a new parameter is required',
    (one) => void list(one).parameters.push({ name: 'x', in: 'query', required: true, schema: {} }),
  ],
  ['a parameter takes fewer values', (one) => void parameter(list(one), 'status').schema.enum.pop()],
  [
    'a limit is lower',
    (one) => {
      parameter(list(one), 'limit').schema.maximum = 50;
    },
  ],
  ['a body field is required', (one) => void schema(one, 'PaymentConfirmationRequest').required.push('approval_code')],
  ['a body field is gone', (one) => void delete schema(one, 'PaymentConfirmationRequest').properties.approval_code],
  [
    'a body field is shorter',
    (one) => {
      schema(one, 'PaymentConfirmationRequest').properties.terminal_id.maxLength = 8;
    },
  ],
  [
    'a body field has another type',
    (one) => {
      schema(one, 'PaymentConfirmationRequest').properties.amount_minor.type = 'string';
    },
  ],
  [
    'a body field has another pattern',
    (one) => {
      schema(one, 'PaymentConfirmationRequest').properties.currency.pattern = '^SAR$';
    },
  ],
  ['a response field is gone', (one) => void delete schema(one, 'Appointment').properties.chair_id],
  [
    'a response field may be missing',
    (one) => {
      schema(one, 'Appointment').required = ['id'];
    },
  ],
  [
    'a response field may be null',
    (one) => {
      schema(one, 'Appointment').properties.status = {
        anyOf: [schema(one, 'Appointment').properties.status, { type: 'null' }],
      };
    },
  ],
  ['a response field has a new value', (one) => void schema(one, 'Appointment').properties.status.enum.push('ARRIVED')],
  [
    'a response field has another type',
    (one) => {
      schema(one, 'LowStockItem').properties.on_hand.type = 'string';
    },
  ],
  [
    'a response field has another format',
    (one) => {
      schema(one, 'Appointment').properties.starts_at.format = 'date';
    },
  ],
  ['a status is answered no more', (one) => void delete confirm(one).responses[200]],
  [
    'a new status says that it went well',
    (one) => {
      confirm(one).responses[202] = confirm(one).responses[201];
    },
  ],
  ['a header is gone', (one) => void delete confirm(one).responses[201].headers['Idempotent-Replayed']],
  ['a media type is gone', (one) => void delete list(one).responses[200].content['application/json']],
  ['an event is gone', (one) => void delete one.webhooks['visit.completed']],
  [
    'an event carries a field less',
    (one) => void delete payload(one, 'appointment.created').properties.data.properties.patient_id,
  ],
  ['an event may lack a field', (one) => void payload(one, 'appointment.created').required.pop()],
  [
    'an event field has another type',
    (one) => {
      payload(one, 'inventory.low_stock').properties.data.properties.on_hand.type = 'string';
    },
  ],
  [
    'an event is another version',
    (one) => {
      payload(one, 'visit.completed').properties.api_version.const = 'v2';
    },
  ],
  ['an event is not signed in its header', (one) => void one.webhooks['visit.completed'].post.parameters.pop()],
];

const ADDITIVE: readonly (readonly [string, (contract: Loose) => void])[] = [
  ['nothing', () => undefined],
  [
    'a new operation',
    (one) => {
      one.paths['/api/v1/new'] = { get: list(one) };
    },
  ],
  [
    'a new optional parameter',
    (one) => void list(one).parameters.push({ name: 'x', in: 'query', required: false, schema: {} }),
  ],
  ['a parameter takes more values', (one) => void parameter(list(one), 'status').schema.enum.push('ARRIVED')],
  [
    'a limit is higher',
    (one) => {
      parameter(list(one), 'limit').schema.maximum = 500;
    },
  ],
  [
    'a new optional body field',
    (one) => {
      schema(one, 'PaymentConfirmationRequest').properties.note = { type: 'string' };
    },
  ],
  [
    'a body field is optional',
    (one) => {
      schema(one, 'PaymentConfirmationRequest').required = ['invoice_id'];
    },
  ],
  [
    'a new response field',
    (one) => {
      schema(one, 'Appointment').properties.note = { type: 'string' };
    },
  ],
  ['a response field is always there', (one) => void schema(one, 'Appointment').required.push('note')],
  ['another scope suffices as well', (one) => void list(one).security.push({ integrationToken: ['read:visits'] })],
  [
    'a new refusal',
    (one) => {
      list(one).responses[418] = list(one).responses[400];
    },
  ],
  [
    'a new header',
    (one) => {
      list(one).responses[200].headers.Age = {};
    },
  ],
  [
    'a new event',
    (one) => {
      one.webhooks['visit.started'] = one.webhooks['visit.completed'];
    },
  ],
  [
    'a new event field',
    (one) => {
      payload(one, 'visit.completed').properties.data.properties.note = { type: 'string' };
    },
  ],
  [
    'other words',
    (one) => {
      list(one).summary = 'All of them.';
    },
  ],
  [
    'an operation is deprecated',
    (one) => {
      list(one).deprecated = true;
    },
  ],
];

describe('the gate stops a change after which', () => {
  test.each(BREAKING)('%s', (_name, change) => {
    expect(findBreakingChanges(read(), changed(change))).not.toEqual([]);
  });
});

describe('the gate lets pass', () => {
  test.each(ADDITIVE)('%s', (_name, change) => {
    expect(findBreakingChanges(read(), changed(change))).toEqual([]);
  });
});
