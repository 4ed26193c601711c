/** A JSON Schema, as far as a contract is judged by it. */
export interface ContractSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly ContractSchema[];
  readonly properties?: Readonly<Record<string, ContractSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: ContractSchema;
  readonly format?: string;
  readonly pattern?: string;
  readonly [bound: string]: unknown;
}

export type ResolveSchema = (schema: ContractSchema) => ContractSchema;

/** Both contracts, and who sends what is described: a partner (`input`) or we (`output`). */
export interface Comparison {
  readonly direction: 'input' | 'output';
  readonly before: ResolveSchema;
  readonly after: ResolveSchema;
}

/** Bounds that tighten when they rise, and those that tighten when they fall. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

/**
 * What a partner would notice of the change from one schema to the other. What partners send may be taken more widely and
 * never more narrowly; what they are sent may become more definite and never wider.
 */
export function compareSchemas(
  given: ContractSchema,
  changed: ContractSchema,
  comparison: Comparison,
  place: string,
): string[] {
  const before = comparison.before(given);
  const after = comparison.after(changed);
  const { direction } = comparison;
  return [
    ...compareTypes(before, after, direction, place),
    ...compareValues(before, after, direction, place),
    ...compareBounds(before, after, direction, place),
    ...compareForms(before, after, direction, place),
    ...compareMembers(before, after, comparison, place),
    ...(before.items === undefined || after.items === undefined
      ? []
      : compareSchemas(before.items, after.items, comparison, `${place}[]`)),
    ...compareAlternatives(before, after, comparison, place),
  ];
}

const listOf = <Value>(value: Value | readonly Value[] | undefined): readonly Value[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? (value as readonly Value[]) : [value as Value];

function compareTypes(before: ContractSchema, after: ContractSchema, direction: string, place: string): string[] {
  const old = listOf(before.type);
  const now = listOf(after.type);
  if (old === undefined && now === undefined) return [];
  const [must, may] = direction === 'input' ? [old, now] : [now, old];
  if (may === undefined) return [];
  const beyond = must === undefined ? ['anything'] : must.filter((one) => !may.includes(one));
  return beyond.length === 0 ? [] : [`${place}: the type changed from ${String(old)} to ${String(now)}`];
}

function compareValues(before: ContractSchema, after: ContractSchema, direction: string, place: string): string[] {
  const valuesOf = ({ const: only, enum: values }: ContractSchema) =>
    values ?? (only === undefined ? undefined : [only]);
  const old = valuesOf(before);
  const now = valuesOf(after);
  const [must, may] = direction === 'input' ? [old, now] : [now, old];
  if (may === undefined || before['x-open'] === true) return [];
  if (must === undefined)
    return [`${place}: its values are ${direction === 'input' ? 'limited now' : 'no longer limited'}`];
  const known = new Set(may.map((one) => JSON.stringify(one)));
  const beyond = must.filter((one) => !known.has(JSON.stringify(one)));
  return beyond.map((one) =>
    direction === 'input'
      ? `${place}: ${JSON.stringify(one)} is taken no more`
      : `${place}: ${JSON.stringify(one)} is new`,
  );
}

function compareBounds(before: ContractSchema, after: ContractSchema, direction: string, place: string): string[] {
  if (direction === 'output') return [];
  const tighter = (name: string, isTighter: (old: number, now: number) => boolean): string[] => {
    const [old, now] = [before[name], after[name]];
    if (typeof now !== 'number' || (typeof old === 'number' && !isTighter(old, now))) return [];
    return [`${place}: ${name} is tighter (${String(old)} → ${now})`];
  };
  return [
    ...LOWER.flatMap((name) => tighter(name, (old, now) => now > old)),
    ...UPPER.flatMap((name) => tighter(name, (old, now) => now < old)),
  ];
}

function compareForms(before: ContractSchema, after: ContractSchema, direction: string, place: string): string[] {
  return (['format', 'pattern'] as const).flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    // A form that is no longer asked for, or that we keep to from now on, surprises nobody.
    const isHarmless = old === now || (direction === 'input' ? now === undefined : old === undefined);
    return isHarmless ? [] : [`${place}: ${name} changed from ${String(old)} to ${String(now)}`];
  });
}

function compareMembers(
  before: ContractSchema,
  after: ContractSchema,
  comparison: Comparison,
  place: string,
): string[] {
  const isInput = comparison.direction === 'input';
  const old = before.properties ?? {};
  const now = after.properties ?? {};
  const wasRequired = new Set(before.required ?? []);
  const isRequired = new Set(after.required ?? []);
  const closes = isInput && before.additionalProperties !== false && after.additionalProperties === false;
  return [
    ...(closes && before.properties !== undefined ? [`${place}: other members are taken no more`] : []),
    ...Object.keys(old).flatMap((name) => (now[name] === undefined ? [`${place}.${name}: is gone`] : [])),
    ...(isInput
      ? [...isRequired].flatMap((name) => (wasRequired.has(name) ? [] : [`${place}.${name}: is required now`]))
      : [...wasRequired].flatMap((name) =>
          isRequired.has(name) || now[name] === undefined ? [] : [`${place}.${name}: may be missing now`],
        )),
    ...Object.entries(old).flatMap(([name, schema]) => {
      const changed = now[name];
      return changed === undefined ? [] : compareSchemas(schema, changed, comparison, `${place}.${name}`);
    }),
  ];
}

/** Every alternative that must still be there finds one on the other side that it does not break. */
function compareAlternatives(
  before: ContractSchema,
  after: ContractSchema,
  comparison: Comparison,
  place: string,
): string[] {
  if (before.anyOf === undefined && after.anyOf === undefined) return [];
  const old = before.anyOf ?? [before];
  const now = after.anyOf ?? [after];
  const fits = (one: ContractSchema, other: ContractSchema) =>
    compareSchemas(one, other, comparison, place).length === 0;
  const lost =
    comparison.direction === 'input'
      ? old.filter((one) => !now.some((other) => fits(one, other)))
      : now.filter((other) => !old.some((one) => fits(one, other)));
  return lost.length === 0 ? [] : [`${place}: one of its alternatives changed`];
}
