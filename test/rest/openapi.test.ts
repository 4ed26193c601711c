import { readFileSync } from 'node:fs';
import { isScope } from '@bridgework/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildOpenApi } from '../../gateway/src/rest/openapi.ts';
import { readRegisteredDocuments } from '../../gateway/src/rest/registered-documents.ts';
import type { Route } from '../../gateway/src/rest/route.ts';
import { routes } from '../../gateway/src/rest/routes.ts';
import { VERSIONS } from '../../gateway/src/rest/versions.ts';
import {
  appointment,
  confirmation,
  connection,
  item,
  me,
  patient,
  payable,
  payment,
  receipt,
  visit,
} from './support/clinic-data.ts';
import { type RestServer, startRest } from './support/rest-server.ts';
import { submissionBodies, submissionIds, submissionQueries, submissionRoot } from './support/submission-data.ts';
import { webhookBodies, webhookIds, webhookRoot } from './support/webhook-data.ts';

const documents = readRegisteredDocuments();
const openapis = VERSIONS.map(({ major }) => [major, buildOpenApi(routes, documents, major)] as const);
interface Operation {
  readonly security: readonly Record<string, string[]>[];
  readonly responses: Readonly<Record<string, unknown>>;
}
const paths = Object.assign({}, ...openapis.map(([, { paths }]) => paths)) as Readonly<
  Record<string, Readonly<Record<string, Operation>>>
>;
const rows = { p: patient(), a: appointment(), v: visit(), c: confirmation(), i: payable() };

let rest: RestServer;
beforeAll(async () => {
  rest = await startRest({
    me: me(),
    ...webhookRoot,
    appointment: rows.a,
    appointments: connection([rows.a]),
    patient: rows.p,
    visit: rows.v,
    visits: connection([rows.v]),
    lowStockItems: connection([item()]),
    payableInvoice: rows.i,
    confirmPayment: receipt(),
    terminalConfirmation: rows.c,
    terminalConfirmationByTransaction: rows.c,
    ...submissionRoot,
  });
});
afterAll(() => rest.close());

const name = ({ method, path }: Route): string => `${method} ${path}`;

test('lists exactly the routes there are, each under its own operation id', () => {
  const listed = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(listed.sort()).toEqual(routes.map(name).sort());
  const ids = openapis.map(([, one]) => [...JSON.stringify(one.paths).matchAll(/"operationId":"(\w+)"/g)].map(String));
  for (const own of ids) expect(new Set(own).size).toBe(own.length);
  expect(ids.flat()).toHaveLength(routes.length);
});

test.each(openapis)('%s is the committed file', (major, openapi) => {
  const file = new URL(`../../schema/rest/${major}.openapi.json`, import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(openapi);
});

test.each(openapis)('%s points only to what it contains', (_major, openapi) => {
  const schemas = openapi.components as { schemas: Record<string, unknown> };
  for (const [, id] of JSON.stringify(openapi).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    expect(Object.keys(schemas.schemas)).toContain(id);
  }
});

test.each(routes.map((route) => [name(route), route] as const))(
  '%s names the scopes its document asks for',
  (_, route) => {
    const { security } = paths[route.path]?.[route.method.toLowerCase()] ?? { security: undefined };
    if (route.operation === undefined) return expect(security).toEqual([]);
    const requirement = documents.get(route.operation)?.requirement;
    expect(security).toEqual(requirement?.scopes.map((scopes) => ({ integrationToken: scopes })));
    expect(requirement?.manager).toBe(false);
    expect(security?.flatMap(({ integrationToken }) => integrationToken ?? []).every(isScope)).toBe(true);
    // What the graph calls personal no cache may keep.
    if (requirement?.personalData === true) expect(route.personalData).toBe(true);
  },
);

test('every registered document belongs to exactly one route', () => {
  const operations = routes.flatMap(({ operation, fuller }) => [operation ?? [], fuller?.operation ?? []].flat());
  expect(operations.sort()).toEqual([...documents.keys()].sort());
});

const IDS: Readonly<Record<string, string>> = {
  '/api/v1/appointments/{id}': rows.a.id,
  '/api/v1/patients/{id}': rows.p.id,
  '/api/v1/visits/{id}': rows.v.id,
  '/api/v1/invoices/{id}/payable': rows.i.id,
  '/api/v1/payment-confirmations/{id}': rows.c.id,
  '/api/v1/problems/{slug}': 'not-found',
  '/api/v2/appointments/{id}': rows.a.id,
  ...submissionIds,
  ...webhookIds,
};

test.each(routes.map((route) => [name(route), route] as const))('%s answers what it documents', async (_, route) => {
  const path = route.path.replace(/\{\w+\}/, IDS[route.path] ?? '');
  const query =
    route.operation === 'FindPaymentConfirmationV1'
      ? '?terminal_id=T1&terminal_txn_id=X1'
      : (submissionQueries[route.path] ?? '');
  const given = submissionBodies[route.path] ?? webhookBodies[route.path] ?? payment();
  const { status, body } = await rest.send(`${path}${query}`, {
    method: route.method,
    ...(route.operation === undefined ? { as: null } : {}),
    headers: {
      ...(route.ifMatch ? { 'if-match': `"v3-${'a'.repeat(27)}"` } : {}),
      ...(route.idempotent ? { 'idempotency-key': 'k' } : {}),
      ...(route.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(route.body === undefined ? {} : { body: JSON.stringify(given) }),
  });
  expect(Object.keys(paths[route.path]?.[route.method.toLowerCase()]?.responses ?? {})).toContain(String(status));
  expect(status).toBeLessThan(300);
  if (route.page?.only !== true && status !== 204) expect(route.answers[status]?.safeParse(body).error).toBeUndefined();
});
