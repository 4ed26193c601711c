import { readContract } from '@bridgework/kernel/contract-files';
import { findBreaks, type Graph, parseRequirements, readGraph, type Scope } from '@bridgework/schema';
import { getNamedType, isEnumType, isLeafType, isNonNullType, isObjectType, parse, print } from 'graphql';
import { expect, test } from 'vitest';
import { randomFrom } from '../support/random.ts';
import * as changes from './support/graph-changes.ts';
import { type ApprovedDocument, randomDocuments } from './support/random-documents.ts';

const DOCUMENTS = 1_000;
const random = randomFrom(11);
const committed: changes.Composed = {
  supergraph: parse(readContract('supergraph.graphql'), { noLocation: true }),
  requirements: parseRequirements(readContract('generated/requirements.json')),
};
const read = ({ supergraph, requirements }: changes.Composed): Graph => readGraph(print(supergraph), requirements);
const graph = read(committed);
const documents = randomDocuments(graph, random, DOCUMENTS);

/** A change and, written down without our analysis, which documents it breaks. */
interface Case {
  readonly name: string;
  readonly change: changes.Change;
  readonly breaks: (document: ApprovedDocument) => boolean;
}

const nobody = (): boolean => false;
const uses =
  (coordinate: string) =>
  ({ uses: used }: ApprovedDocument): boolean =>
    used.has(coordinate);

const fieldOf = (coordinate: string) => {
  const [type = '', name = ''] = coordinate.split('.');
  const parent = graph.schema.getType(type);
  const field = isObjectType(parent) ? parent.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`There is no ${coordinate}.`);
  return field;
};

/** Coordinates that some documents use and most do not, so that a report of too many or too few shows. */
function picked(count: number, wanted: (coordinate: string) => boolean): string[] {
  const counts = new Map<string, number>();
  for (const document of documents) for (const one of document.uses) counts.set(one, (counts.get(one) ?? 0) + 1);
  const fit = [...counts].filter(([coordinate, n]) => n >= 3 && n < DOCUMENTS / 2 && wanted(coordinate));
  const chosen = random.shuffle(fit.map(([coordinate]) => coordinate)).slice(0, count);
  if (chosen.length < count) throw new Error('The documents use too few such fields.');
  return chosen;
}

const isLeaf = (coordinate: string) => isLeafType(getNamedType(fieldOf(coordinate).type));
const isRequired = (coordinate: string) => isNonNullType(fieldOf(coordinate).type);
const enumOf = (coordinate: string): string => getNamedType(fieldOf(coordinate).type).name;
const isNotSent = (name: string) => documents.every(({ text }) => !text.includes(`: ${name}`));
const scopesOf = (coordinate: string): readonly (readonly Scope[])[] => {
  const requirement = graph.requirements[coordinate];
  return requirement !== undefined && 'scopes' in requirement ? requirement.scopes : [];
};
const asks = (document: ApprovedDocument, scope: Scope): boolean =>
  document.analysis.scopes.every((alternative) => alternative.includes(scope));

const usedEnums = [...new Set(picked(2, (one) => isEnumType(getNamedType(fieldOf(one).type))).map(enumOf))];
const paged = picked(3, (one) => fieldOf(one).args.some(({ name }) => name === 'after'));
const filtered = 'Query.appointments';

const cases: Case[] = [
  ...picked(6, isLeaf).map((one) => ({
    name: `${one} is removed`,
    change: changes.removeField(one),
    breaks: uses(one),
  })),
  ...picked(4, () => true).map((one) => ({
    name: `${one} is renamed`,
    change: changes.renameField(one, 'renamed'),
    breaks: uses(one),
  })),
  ...picked(5, isRequired).map((one) => ({
    name: `${one} may be null`,
    change: changes.retype(one, (type) => type.replace(/!$/, '')),
    breaks: uses(one),
  })),
  ...picked(3, (one) => !isRequired(one)).map((one) => ({
    name: `${one} is never null`,
    change: changes.retype(one, (type) => `${type}!`),
    breaks: nobody,
  })),
  ...picked(2, isLeaf).map((one) => ({
    name: `${one} has another type`,
    change: changes.retype(one, (type) => type.replace(/\w+/, enumOf(one) === 'Int' ? 'String' : 'Int')),
    breaks: uses(one),
  })),
  ...usedEnums.map((name) => ({
    name: `${name} grows`,
    change: changes.editEnum(name, (values) => [...values, 'FRESH']),
    breaks: ({ uses: used }: ApprovedDocument) => [...used].some((one) => enumOf(one) === name),
  })),
  ...usedEnums.filter(isNotSent).map((name) => ({
    name: `${name} shrinks`,
    change: changes.editEnum(name, (values) => values.slice(1)),
    breaks: ({ sends, uses: used }: ApprovedDocument) =>
      [...sends].some((input) =>
        new RegExp(`input ${input} [^}]*: \\[?${name}`, 's').test(print(committed.supergraph)),
      ) && used.size > 0,
  })),
  ...paged.map((one) => ({
    name: `${one}(after:) is not taken any more`,
    change: changes.editArgument(one, 'after', () => undefined),
    breaks: ({ gives }: ApprovedDocument) => gives.has(`${one}(after:)`),
  })),
  ...paged.slice(0, 2).map((one) => ({
    name: `${one}(after:) has a default`,
    change: changes.editArgument(one, 'after', (argument) => changes.withDefault(argument, '"x"')),
    breaks: nobody,
  })),
  ...paged.slice(1).map((one) => ({
    name: `${one} takes another argument`,
    change: changes.addArgument(one, 'tint: String'),
    breaks: nobody,
  })),
  ...paged.slice(1).map((one) => ({
    name: `${one} demands another argument`,
    change: changes.addArgument(one, 'tint: String!'),
    breaks: uses(one),
  })),
  {
    name: 'the filter of appointments loses a field',
    change: changes.removeInputField('AppointmentFilter.startsFrom'),
    breaks: ({ sends }) => sends.has('AppointmentFilter'),
  },
  {
    name: 'the filter of appointments demands a field',
    change: changes.addInputField('AppointmentFilter', 'tint: String!'),
    breaks: ({ sends }) => sends.has('AppointmentFilter'),
  },
  {
    name: 'the filter of appointments takes one more field',
    change: changes.addInputField('AppointmentFilter', 'tint: String'),
    breaks: nobody,
  },
  {
    name: 'the filter of visits demands what it took',
    change: changes.retypeInputField('VisitFilter.startedFrom', (type) => `${type}!`),
    breaks: ({ sends }) => sends.has('VisitFilter'),
  },
  {
    name: 'the filter of appointments must be given',
    change: changes.editArgument(filtered, 'filter', (argument) => ({
      ...argument,
      type: { kind: 'NonNullType' as never, type: argument.type as never },
    })),
    breaks: uses(filtered),
  },
  ...picked(4, (one) => scopesOf(one).length > 0).map((one) => ({
    name: `${one} asks for read:reports too`,
    change: changes.changeRequirement(one, (requirement) => ({
      ...requirement,
      scopes: scopesOf(one).map((set) => [...set, 'read:reports' as const]),
    })),
    breaks: (document: ApprovedDocument) => document.uses.has(one) && !asks(document, 'read:reports'),
  })),
  ...picked(2, (one) => scopesOf(one).length > 0).map((one) => ({
    name: `${one} may also be read with read:reports alone`,
    change: changes.changeRequirement(one, (requirement) => ({
      ...requirement,
      scopes: [...scopesOf(one), ['read:reports' as const]],
    })),
    breaks: nobody,
  })),
  ...picked(2, isLeaf).map((one) => ({
    name: `${one} is for managers`,
    change: changes.changeRequirement(one, ({ pii }) => ({
      policy: 'manager' as const,
      ...(pii === undefined ? {} : { pii }),
    })),
    breaks: uses(one),
  })),
  ...picked(3, (one) => isLeaf(one) && graph.requirements[one]?.pii === undefined).map((one) => ({
    name: `${one} is health data`,
    change: changes.changeRequirement(one, (requirement) => ({ ...requirement, pii: 'health' as const })),
    breaks: (document: ApprovedDocument) => document.uses.has(one) && !document.analysis.piiClasses.includes('health'),
  })),
  ...picked(3, () => true).map((one) => ({
    name: `${one} costs more than a request may`,
    change: changes.weigh(one, 1_200),
    breaks: uses(one),
  })),
  ...picked(2, isLeaf).map((one) => ({ name: `${one} is deprecated`, change: changes.deprecate(one), breaks: nobody })),
  { name: 'a type is added', change: changes.addType('type Fresh { tint: String }'), breaks: nobody },
];

test('the corpus has at least forty changes of every kind, most of which break some documents and none all', () => {
  expect(documents).toHaveLength(DOCUMENTS);
  expect(cases.length).toBeGreaterThanOrEqual(40);
  const harmful = cases.filter(({ breaks }) => documents.some(breaks));
  expect(harmful.length).toBeGreaterThanOrEqual(30);
  for (const { breaks, name } of cases) expect([name, documents.every(breaks)]).toEqual([name, false]);
});

test('a graph that did not change breaks nothing', () => {
  const again = read(committed);
  expect(documents.filter(({ text, analysis }) => findBreaks(again, text, analysis).length > 0)).toEqual([]);
});

test.each(cases)('exactly the right ones of 1,000 active documents are broken when $name', ({ change, breaks }) => {
  const changed = read(change(committed));
  const reported = documents.filter(({ text, analysis }) => findBreaks(changed, text, analysis).length > 0);
  const right = documents.filter(breaks);
  const names = (list: readonly ApprovedDocument[]) => list.map(({ text }) => text);
  expect(names(reported.filter((one) => !right.includes(one)))).toEqual([]);
  expect(names(right.filter((one) => !reported.includes(one)))).toEqual([]);
});
