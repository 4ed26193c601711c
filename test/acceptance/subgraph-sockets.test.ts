import { generateKeyPairSync } from 'node:crypto';
import { CALLER_HEADER, signCaller } from '@bridgework/kernel/signed-caller';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import { Client } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';

let clinic: Clinic;
beforeAll(async () => {
  clinic = await startClinic();
});
afterAll(() => clinic?.close());

/** A request that goes past the gateway, straight to a subgraph's socket. */
async function direct(name: string, query: string, header?: string): Promise<{ status: number; body: string }> {
  const client = new Client('http://subgraph', { socketPath: clinic.socketOf(name) });
  try {
    const { statusCode, body } = await client.request({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', ...(header === undefined ? {} : { [CALLER_HEADER]: header }) },
      body: JSON.stringify({ query }),
    });
    return { status: statusCode, body: await body.text() };
  } finally {
    await client.close();
  }
}

test.each(SUBGRAPH_NAMES)(
  '%s answers nobody who comes without the signature of the gateway, not even with its SDL',
  async (name) => {
    const forged = signCaller(
      { keyId: 'caller-1', privateKey: generateKeyPairSync('ed25519').privateKey },
      {
        audience: name,
        use: 'query',
        generation: 1,
        now: new Date(),
        caller: { kind: 'user', issuer: 'i', subject: 's', name: 'n', role: 'MANAGER', scopes: [] },
      },
    );
    for (const header of [undefined, 'nonsense', forged]) {
      for (const query of [
        '{ _service { sdl } }',
        '{ __typename }',
        '{ _entities(representations: []) { __typename } }',
      ]) {
        const { status, body } = await direct(name, query, header);
        expect([status, body.includes('data')]).toEqual([401, false]);
      }
    }
    await clinic.audited({ action: 'subgraph.refuse', result: 'DENIED' });
  },
);
