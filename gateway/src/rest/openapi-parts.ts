import type { JsonSchema } from './describe-schema.ts';

/** What the reference says once and points to: its tags, and the headers of its answers. */
const TAGS: Readonly<Record<string, string>> = {
  Appointments: 'Booked slots. Patients appear as ids alone.',
  Visits: 'What was done: summaries, never clinical notes.',
  Patients: 'One patient at a time, masked unless the token may identify patients. There is no list.',
  Inventory: 'Stock that runs low, never what it costs.',
  Payments: 'What a card terminal needs: what is owed, and the confirmation of what it has captured.',
  Reports: 'Aggregates over whole weeks or months; small cells are suppressed.',
  Exports: 'Immutable accounting snapshots of closed periods.',
  Imports: 'Trusted import of appointments into free slots.',
  Imaging: 'References to images that are stored elsewhere.',
  Messages: 'Receipts of the messaging provider.',
  Webhooks: 'Endpoints, their deliveries, and the feed of events for when a push has failed.',
  Sandbox: 'Ask the made-up clinic for a real change.',
  Access: 'Who a token is, and what it has asked.',
  About: 'The API about itself; needs no token.',
};

export const describeTags = (names: readonly string[]): JsonSchema[] =>
  [...new Set(names)].map((name) => ({
    name,
    ...(TAGS[name] === undefined ? {} : { description: TAGS[name] }),
  }));

const header = (description: string, example: string, schema: JsonSchema = { type: 'string' }): JsonSchema => ({
  description,
  schema,
  example,
});

export const HEADERS = {
  'Request-Id': header('Names this request in our logs; tell it to us when you ask.', 'req_7v2k9m4x0c8n5b1d6f3g7h2j4k'),
  'API-Version': header('The exact version of the contract.', '1.0.0'),
  'RateLimit-Policy': header('How much may be asked for, and in how many seconds.', '"token";q=600;w=60'),
  RateLimit: header('What is left of it, and when it is full again.', '"token";r=598;t=42'),
  'Retry-After': header('Seconds to wait before trying again.', '1'),
  'WWW-Authenticate': header('What is wrong with the token, after RFC 6750.', 'Bearer error="invalid_token"'),
  ETag: header('Names exactly this answer; send it as If-None-Match, or as If-Match with a change.', '"Zm9v"'),
  Link: header('Other pages and versions, after RFC 8288.', '</api/v1/appointments?cursor=…>; rel="next"'),
  Location: header('Where what was made can be read.', '/api/v1/payment-confirmations/cnf_…'),
  'Idempotent-Replayed': header('The answer repeats an earlier one; nothing was done anew.', 'true', {
    type: 'string',
    enum: ['true'],
  }),
  Deprecation: header('Since when this operation is deprecated, after RFC 9745.', '@1767225600'),
  'Repr-Digest': header(
    'SHA-256 of the bytes, after RFC 9530.',
    'sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:',
  ),
  'Content-Disposition': header('The name under which to keep the file.', 'attachment; filename="exp_….csv"'),
  Sunset: header('When it ends, after RFC 8594.', 'Fri, 01 Jan 2027 00:00:00 GMT'),
} as const satisfies Record<string, JsonSchema>;

export type HeaderName = keyof typeof HEADERS;

export const headerRefs = (names: readonly HeaderName[]): JsonSchema =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
