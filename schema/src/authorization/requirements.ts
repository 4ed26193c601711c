import { z } from 'zod';
import { SCOPE_NAMES, type Scope } from '../scopes.ts';

/** What a field says about the person it belongs to. A document that selects such a field is answered with no-store. */
export const PII_CLASSES = ['identity', 'contact', 'health'] as const;
export type PiiClass = (typeof PII_CLASSES)[number];

/**
 * What a caller needs for one field: one of several sets of scopes (any suffices, all of its scopes are needed), to be
 * a manager, or nothing but to be known.
 */
export type FieldRequirement = (
  | { readonly scopes: ScopeAlternatives }
  | { readonly policy: 'manager' }
  | { readonly public: true }
) & { readonly pii?: PiiClass };

/** Keyed by coordinate, `Invoice.total`. A field that is not in here is refused to everybody. */
export type RequirementMap = Readonly<Record<string, FieldRequirement>>;

/** Outer: any suffices. Inner: all are needed. `[[]]` asks for nothing. */
export type ScopeAlternatives = readonly (readonly Scope[])[];

/** What a caller needs for a whole document; it is run whole or not at all. */
export interface DocumentRequirement {
  readonly scopes: ScopeAlternatives;
  /** Some field is for managers of the clinic. */
  readonly manager: boolean;
  /** It asks for `__schema` or `__type`. */
  readonly introspects: boolean;
  /** It selects personal data. */
  readonly personalData: boolean;
}

/** A coordinate, as GraphQL writes it. */
export const coordinateOf = (type: string, field: string): string => `${type}.${field}`;

/** True when the caller may run the document, respectively read the field. */
export function isAllowed(
  requirement: Pick<DocumentRequirement, 'scopes' | 'manager'>,
  callerScopes: readonly Scope[],
  isManager: boolean,
): boolean {
  if (requirement.manager && !isManager) return false;
  const held = maskOf(callerScopes);
  return requirement.scopes.some((alternative) => (maskOf(alternative) & ~held) === 0);
}

/** The alternatives under which both hold, the weakest ones only. */
export function bothOf(left: ScopeAlternatives, right: ScopeAlternatives): ScopeAlternatives {
  const masks = left.flatMap((one) => right.map((other) => maskOf(one) | maskOf(other)));
  return weakest(masks).map(scopesOf);
}

/** True when whoever holds `held` holds `needed`. */
export const isWithin = (needed: readonly Scope[], held: readonly Scope[]): boolean =>
  (maskOf(needed) & ~maskOf(held)) === 0;

/** Sorted, without repetitions and without alternatives that ask for more than another one. */
export const normalise = (alternatives: ScopeAlternatives): ScopeAlternatives =>
  weakest(alternatives.map(maskOf)).map(scopesOf);

const BITS = new Map(SCOPE_NAMES.map((scope, index) => [scope, 1 << index]));

const maskOf = (scopes: readonly Scope[]): number => scopes.reduce((mask, scope) => mask | (BITS.get(scope) ?? 0), 0);

const scopesOf = (mask: number): Scope[] => SCOPE_NAMES.filter((scope) => (mask & (BITS.get(scope) ?? 0)) !== 0);

function weakest(masks: readonly number[]): number[] {
  const distinct = [...new Set(masks)].sort((left, right) => left - right);
  return distinct.filter((mask) => !distinct.some((other) => other !== mask && (other & ~mask) === 0));
}

const RequirementFile = z.record(
  z.string(),
  z.intersection(
    z.union([
      z.object({ scopes: z.array(z.array(z.enum(SCOPE_NAMES as [Scope, ...Scope[]]))) }),
      z.object({ policy: z.literal('manager') }),
      z.object({ public: z.literal(true) }),
    ]),
    z.object({ pii: z.enum(PII_CLASSES).exactOptional() }),
  ),
);

/** Reads the text of `generated/requirements.json`. Throws when it is not a requirement map. */
export const parseRequirements = (text: string): RequirementMap => RequirementFile.parse(JSON.parse(text));
