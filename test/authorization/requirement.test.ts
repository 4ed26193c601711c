import { isAllowed, type RequirementMap, requirementOf, SCOPE_NAMES, type Scope } from '@bridgework/schema';
import fc from 'fast-check';
import { buildSchema, parse } from 'graphql';
import { expect, test } from 'vitest';
import { readDocument, requirements, schema } from './documents.ts';

const required = (text: string) => requirementOf(schema, requirements, readDocument(text));

test('asks for every scope that any field of the document needs', () => {
  const { scopes, manager, personalData } = required(`{
    appointments(first: 5) { edges { node { id patient { displayName balances { amountMinor } } } } }
  }`);
  expect(scopes).toEqual([['read:appointments', 'read:patients', 'read:invoices', 'read:financials']]);
  expect(manager).toBe(false);
  expect(personalData).toBe(true);
});

test('lets an appointment name its patient by id alone, with read:appointments alone', () => {
  expect(required('{ appointment(id: "apt_1") { id patient { id } } }')).toEqual({
    scopes: [['read:appointments']],
    manager: false,
    introspects: false,
    personalData: false,
  });
});

test('offers the weakest alternatives, and no stronger one beside them', () => {
  expect(required('{ providers(first: 1) { edges { node { name } } } }').scopes).toEqual([['read:appointments']]);
  expect(required('{ visit(id: "v") { provider { name } } }').scopes).toEqual([['read:visits']]);
  expect(required('{ terminalConfirmation(id: "c") { status } }').scopes).toEqual([['write:payments']]);
});

test('finds what fragments, aliases and skipped fields reach', () => {
  const { scopes } = required(`
    query Q($no: Boolean = false) { a: patient(id: "p") { ...Contact @include(if: $no) } }
    fragment Contact on Patient { tel: phone @skip(if: true) }
  `);
  expect(scopes).toEqual([['read:patients', 'read:patients:identified']]);
});

test('asks for a manager as soon as one field does, whatever the scopes', () => {
  const requirement = required('{ me { name } integrations(first: 1) { edges { node { purpose } } } }');
  expect(requirement.manager).toBe(true);
  expect(isAllowed(requirement, SCOPE_NAMES, false)).toBe(false);
  expect(isAllowed(requirement, [], true)).toBe(true);
});

test('gives a terminal what it needs and no amount beyond that', () => {
  expect(required('{ payableInvoice(id: "i") { status balance { amountMinor currency } } }').scopes).toEqual([
    ['write:payments'],
  ]);
  expect(required('{ invoice(id: "i") { balance { amountMinor } } }').scopes).toEqual([
    ['read:invoices', 'read:financials'],
  ]);
});

test('asks for everything that any type behind an interface or union asks for', () => {
  const abstract = buildSchema(`
    interface Named { name: String }
    type Dog implements Named { name: String bark: String }
    type Cat implements Named { name: String }
    union Pet = Dog | Cat
    type Query { named: Named pet: Pet }
  `);
  const map: RequirementMap = {
    'Query.named': { public: true },
    'Query.pet': { public: true },
    'Dog.name': { scopes: [['read:visits']] },
    'Dog.bark': { scopes: [['read:reports']] },
    'Cat.name': { scopes: [['read:invoices']] },
  };
  const of = (text: string) => requirementOf(abstract, map, parse(text)).scopes;
  expect(of('{ named { name } }')).toEqual([['read:visits', 'read:invoices']]);
  expect(of('{ named { ... on Dog { ... on Named { name } } } }')).toEqual([['read:visits']]);
  expect(of('{ pet { __typename ... on Dog { bark } } }')).toEqual([['read:reports']]);
});

test('refuses a document that reaches a field of which nothing is known', () => {
  const { 'Query.me': _, ...without } = requirements;
  expect(() => requirementOf(schema, without, readDocument('{ me { name } }'))).toThrow('Query.me');
});

test('says when a document asks about the graph itself', () => {
  expect(requirementOf(schema, requirements, parse('{ __schema { queryType { name } } }')).introspects).toBe(true);
});

test('reads fragments that spread fragments in no time', () => {
  const levels = 40;
  const fragments = Array.from({ length: levels }, (_, level) => {
    const below = level === levels - 1 ? 'id' : `...F${level + 1} ...F${level + 1}`;
    return `fragment F${level} on Appointment { ${below} }`;
  });
  const { scopes } = required(`{ appointment(id: "a") { ...F0 } } ${fragments.join(' ')}`);
  expect(scopes).toEqual([['read:appointments']]);
});

const scopeSet = fc.uniqueArray(fc.constantFrom(...SCOPE_NAMES), { maxLength: 4 });
const alternatives = fc.array(
  scopeSet.filter((set) => set.length > 0),
  { minLength: 1, maxLength: 3 },
);

test('allows a document exactly when every one of its fields is allowed', () => {
  const fields = ['a', 'b', 'c', 'd'] as const;
  const flat = buildSchema(`type Query { ${fields.map((name) => `${name}: Int`).join(' ')} }`);
  fc.assert(
    fc.property(
      fc.tuple(alternatives, alternatives, alternatives, alternatives),
      fc.subarray([...fields], { minLength: 1 }),
      fc.uniqueArray(fc.constantFrom(...SCOPE_NAMES)),
      (asked, selected, held) => {
        const map: RequirementMap = Object.fromEntries(
          fields.map((name, index) => [`Query.${name}`, { scopes: asked[index] ?? [] }]),
        );
        const requirement = requirementOf(flat, map, parse(`{ ${selected.join(' ')} }`));
        const eachAllowed = selected.every((name) =>
          (asked[fields.indexOf(name)] ?? []).some((set) => set.every((scope: Scope) => held.includes(scope))),
        );
        expect(isAllowed(requirement, held, false)).toBe(eachAllowed);
      },
    ),
  );
});
