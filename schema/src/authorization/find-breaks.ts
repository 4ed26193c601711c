import { Kind, parseType, type TypeNode } from 'graphql';
import { type DocumentContract, fingerprintOf } from './document-contract.ts';
import { type Analysis, describeFault, examineDocument } from './examine-document.ts';
import { DOCUMENT_LIMITS } from './measure-document.ts';
import type { Graph } from './read-graph.ts';
import { isWithin, type ScopeAlternatives } from './requirements.ts';

/** What a document was approved as. */
export type ApprovedDocument = Pick<Analysis, 'scopes' | 'manager' | 'piiClasses' | 'worstCost'> & {
  /** Missing of documents that were approved before contracts were kept: then only access and validity are judged. */
  readonly contract?: DocumentContract;
};

/**
 * Why a document that was approved against an earlier graph must not run on this one, a sentence each; empty when it may.
 * A document is a contract in both directions: the partner must be answered as before, and the clinic must not give more
 * than was approved. Validation alone misses most of it: nullability, the growth of enums, defaults, what variables hold.
 *
 * Pure. Documents that rest on nothing that changed cost a few microseconds.
 */
export function findBreaks(graph: Graph, text: string, approved: ApprovedDocument): readonly string[] {
  const { contract } = approved;
  if (contract !== undefined && isUntouched(graph, contract)) return [];
  const examination = examineDocument(graph, text);
  if (examination.kind === 'invalid') return examination.faults.map(describeFault);
  const { analysis } = examination;
  return [
    ...(contract === undefined ? [] : findAnswerChanges(contract, analysis.contract)),
    ...(contract === undefined ? [] : findRequestChanges(contract, analysis.contract)),
    ...findWiderAccess(approved, analysis),
  ];
}

const isUntouched = (graph: Graph, { fields, types, fingerprint }: DocumentContract): boolean =>
  fingerprintOf(graph, Object.keys(fields), types) === fingerprint;

/** What the partner would be answered that it was never told of. */
function findAnswerChanges(before: DocumentContract, now: DocumentContract): string[] {
  return [
    ...Object.entries(before.fields).flatMap(([coordinate, type]) => {
      const changed = now.fields[coordinate];
      // A type that can no longer come; the document is valid without it.
      if (changed === undefined || isAnswerWithin(parseType(changed), parseType(type))) return [];
      return [`${coordinate}: its type was ${type} and is ${changed}.`];
    }),
    ...grown(before.answeredEnums, now.answeredEnums).map(([name, value]) => `${name}: may now be ${value}.`),
    ...grown(before.possibleTypes, now.possibleTypes).map(([name, value]) => `${name}: may now be a ${value}.`),
  ];
}

/** What the partner sends that would be refused, or understood differently. */
function findRequestChanges(before: DocumentContract, now: DocumentContract): string[] {
  const defaults = Object.entries(before.defaults)
    .filter(([place, value]) => now.defaults[place] !== value)
    .map(([place, value]) => `${place} is left out; its default was ${value} and is ${now.defaults[place] ?? 'none'}.`);
  const changed = Object.entries(before.inputs).flatMap(([coordinate, input]) => {
    const next = now.inputs[coordinate];
    if (next === undefined) return [`${coordinate}: is not taken any more.`];
    return isInputWithin(input, next) ? [] : [`${coordinate}: was ${input} and is ${next}.`];
  });
  const demanded = Object.entries(now.inputs)
    .filter(([coordinate, input]) => before.inputs[coordinate] === undefined && isDemanded(input))
    .map(([coordinate, input]) => `${coordinate}: ${input} is new and must be given.`);
  const dropped = grown(now.sentEnums, before.sentEnums).map(
    ([name, value]) => `${name}: ${value} is not taken any more.`,
  );
  return [...defaults, ...changed, ...demanded, ...dropped];
}

/** What the document would give or cost beyond what was approved. */
function findWiderAccess(approved: ApprovedDocument, now: Analysis): string[] {
  const classes = now.piiClasses.filter((one) => !approved.piiClasses.includes(one));
  return [
    ...(now.manager && !approved.manager ? ['It now asks for what only managers may see or do.'] : []),
    ...(isStricter(now.scopes, approved.scopes)
      ? [`It needed ${describeScopes(approved.scopes)} and needs ${describeScopes(now.scopes)}.`]
      : []),
    ...classes.map((one) => `It now reads personal data of the class ${one}.`),
    ...(now.worstCost > DOCUMENT_LIMITS.cost && approved.worstCost <= DOCUMENT_LIMITS.cost
      ? [
          `With full pages its cost was ${approved.worstCost} and is ${now.worstCost}; ${DOCUMENT_LIMITS.cost} is allowed.`,
        ]
      : []),
  ];
}

/** Some set of scopes sufficed before and does not any more. */
const isStricter = (now: ScopeAlternatives, before: ScopeAlternatives): boolean =>
  before.some((held) => !now.some((needed) => isWithin(needed, held)));

const describeScopes = (alternatives: ScopeAlternatives): string =>
  alternatives.map((scopes) => (scopes.length === 0 ? 'no scope' : scopes.join(' and '))).join(', or ');

/** Members of `now` that `before` did not have, for the names that both have. */
function grown(
  before: Readonly<Record<string, readonly string[]>>,
  now: Readonly<Record<string, readonly string[]>>,
): [name: string, member: string][] {
  return Object.entries(before).flatMap(([name, members]) =>
    (now[name] ?? []).filter((member) => !members.includes(member)).map((member): [string, string] => [name, member]),
  );
}

/** Every answer of the type `now` is also one of the type `before`: it may only promise more. */
function isAnswerWithin(now: TypeNode, before: TypeNode): boolean {
  if (before.kind === Kind.NON_NULL_TYPE) {
    return now.kind === Kind.NON_NULL_TYPE && isAnswerWithin(now.type, before.type);
  }
  if (now.kind === Kind.NON_NULL_TYPE) return isAnswerWithin(now.type, before);
  if (now.kind === Kind.LIST_TYPE && before.kind === Kind.LIST_TYPE) return isAnswerWithin(now.type, before.type);
  return now.kind === Kind.NAMED_TYPE && before.kind === Kind.NAMED_TYPE && now.name.value === before.name.value;
}

/** Whatever was taken before is taken and understood alike: `String! = "A"` as the contract writes it. */
function isInputWithin(before: string, now: string): boolean {
  const [typeBefore = '', defaultBefore] = splitDefault(before);
  const [typeNow = '', defaultNow] = splitDefault(now);
  // What is accepted may only widen: the same rule as for answers, the other way round.
  if (!isAnswerWithin(parseType(typeBefore), optionalIfDefaulted(typeNow, defaultNow))) return false;
  return defaultBefore === undefined || defaultBefore === defaultNow;
}

const isDemanded = (input: string): boolean => {
  const [type = '', value] = splitDefault(input);
  return type.endsWith('!') && value === undefined;
};

function splitDefault(input: string): [type: string, value: string | undefined] {
  const at = input.indexOf(' = ');
  return at === -1 ? [input, undefined] : [input.slice(0, at), input.slice(at + 3)];
}

/** A required field with a default may be left out, as an optional one may. */
function optionalIfDefaulted(type: string, value: string | undefined): TypeNode {
  const node = parseType(type);
  return value !== undefined && node.kind === Kind.NON_NULL_TYPE ? node.type : node;
}
