import { readContract } from '@bridgework/kernel/contract-files';
import { type DocumentNode, parse, print } from 'graphql';
import { expect, test } from 'vitest';
import { compose, readSubgraphs } from '../../schema/scripts/compose.ts';

const altered = (name: string, from: string | RegExp, to: string): Record<string, DocumentNode> => {
  const subgraphs = readSubgraphs();
  const before = print(subgraphs[name] ?? { kind: 'Document' as never, definitions: [] });
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${name} has nothing like ${from}`);
  return { ...subgraphs, [name]: parse(after) };
};

test('commits what the subgraphs compose to', () => {
  const { supergraph, requirements } = compose(readSubgraphs());
  expect(readContract('supergraph.graphql')).toBe(supergraph);
  expect(readContract('generated/requirements.json')).toBe(requirements);
});

test('leaves no directive in the supergraph that the gateway refuses', () => {
  expect(compose(readSubgraphs()).supergraph).not.toMatch(
    /@requiresScopes\(|@policy\(|specs\.apollo\.dev\/(requiresScopes|policy)/,
  );
});

test('refuses a field that carries neither a requirement nor @public', () => {
  const open = altered('appointment', /endsAt: DateTime! @requiresScopes\([^)]*\)/, 'endsAt: DateTime!');
  expect(() => compose(open)).toThrow('Appointment.endsAt carries neither');
});

test('refuses a field that carries two kinds of requirement', () => {
  const both = altered('billing', 'type Payment @requiresScopes', 'type Payment @public @requiresScopes');
  expect(() => compose(both)).toThrow('carries more than one of');
});

test('refuses personal data that is not marked as such', () => {
  const unmarked = altered('appointment', ' @pii(class: "identity")', '');
  expect(() => compose(unmarked)).toThrow('Patient.displayName must carry @pii(class: "identity")');
});

test('refuses a security directive under another name', () => {
  const renamed = altered('inventory', '"@requiresScopes"', '{name: "@requiresScopes", as: "@scopes"}');
  expect(() => compose(renamed)).toThrow('imported with renamed directives');
});

test('refuses an unknown scope and an unknown policy', () => {
  expect(() => compose(altered('inventory', '"read:inventory"', '"read:everything"'))).toThrow('unknown scope');
  expect(() => compose(altered('integration', '[["manager"]]', '[["anybody"]]'))).toThrow('policy other than manager');
});

test('refuses a field that asks for less than the field it is computed from', () => {
  const weaker = altered(
    'integration',
    /(importedBy: Integration @requires\([^)]*\) )@requiresScopes\([^)]*\)/,
    '$1@public',
  );
  expect(() => compose(weaker)).toThrow('MISSING_TRANSITIVE_AUTH_REQUIREMENTS');
});

test('refuses a key that not every caller may read', () => {
  const guarded = altered('inventory', 'id: ID! @public', 'id: ID! @requiresScopes(scopes: [["read:inventory"]])');
  expect(() => compose(guarded)).toThrow('InventoryItem.id is a key and must be @public');
});
