import type { Chance } from './chance.ts';

/** A JSON Schema as the reference holds it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly examples?: readonly unknown[];
  readonly additionalProperties?: unknown;
}

export type Resolve = (schema: Schema) => Schema;
/** Ids that exist, by prefix. */
export type KnownIds = ReadonlyMap<string, readonly string[]>;

const TEXTS = ['سارة', 'Front desk', '🦷', 'a', 'DESK-1', 'جميل 🦷 tooth', '0', 'null', 'x'.repeat(60)];

/** What no contract expects: each breaks some reader. */
export const HOSTILE: readonly unknown[] = [
  '',
  ' ',
  '‮evil',
  'x'.repeat(5000),
  "'; drop table billing.payments; --",
  '../../etc/passwd',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  '\u0001\u001f',
  '\u0000',
  '\ud800',
  'NaN',
  '1e400',
  '4111111111111111',
  '9999-99-99T99:99:99Z',
  '0000-00-00T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-03-01T00:00:00+99:99',
  '+271821-04-20T00:00:00Z',
  'apt_00000000000000000000000000',
  -1,
  0,
  1.5,
  2 ** 53,
  -(2 ** 53),
  1e308,
  true,
  null,
  [],
  {},
  [[[[]]]],
  { $ne: null },
  ['a', 1, null],
];

/** A value that the schema takes, as far as it tells. */
export function valueFor(given: Schema, name: string, resolve: Resolve, chance: Chance, ids: KnownIds): unknown {
  const schema = resolve(given);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return chance.pick(schema.enum);
  if (schema.anyOf !== undefined) return valueFor(chance.pick(schema.anyOf), name, resolve, chance, ids);
  if (schema.properties !== undefined) {
    const required = new Set(schema.required ?? []);
    const chosen = Object.entries(schema.properties).filter(([key]) => required.has(key) || chance.once(2));
    return Object.fromEntries(chosen.map(([key, part]) => [key, valueFor(part, key, resolve, chance, ids)]));
  }
  if (schema.items !== undefined) {
    const length = (schema.minItems ?? 0) + chance.below(3);
    return Array.from({ length }, () => valueFor(schema.items ?? {}, name, resolve, chance, ids));
  }
  switch (schema.type) {
    case 'integer':
    case 'number':
      return (schema.minimum ?? 1) + chance.below(Math.min((schema.maximum ?? 1000) - (schema.minimum ?? 1), 1000) + 1);
    case 'boolean':
      return chance.once(2);
    case 'null':
      return null;
    case 'object':
      return { جميل: 'قيمة' };
    default:
      return textFor(schema, name, chance, ids);
  }
}

function textFor({ format, pattern, examples = [] }: Schema, name: string, chance: Chance, ids: KnownIds): string {
  const prefix = /^([a-z]{3})_/.exec(String(examples[0] ?? ''))?.[1] ?? `${/^(\w{3}).*_id$/.exec(name)?.[1] ?? ''}`;
  const known = ids.get(prefix) ?? [];
  if (known.length > 0) return chance.pick(known);
  const day = `2026-0${1 + chance.below(9)}-1${chance.below(9)}`;
  if (format === 'date-time') return chance.once(2) ? `${day}T08:30:00Z` : `${day}T11:30:00.123+03:00`;
  if (format === 'date') return day;
  if (format === 'uri') return 'https://partner.example/hook';
  if (pattern === '^[A-Z]{3}$') return chance.pick(['SAR', 'KWD', 'USD']);
  if (pattern === '^[0-9]{4}$') return '4242';
  if (examples.length > 0 && chance.once(2)) return String(chance.pick(examples));
  return chance.pick(TEXTS);
}

/** The same with one thing wrong somewhere. */
export function mutate(value: unknown, chance: Chance): unknown {
  if (Array.isArray(value) && value.length > 0 && !chance.once(3)) {
    const at = chance.below(value.length);
    return value.map((one, index) => (index === at ? mutate(one, chance) : one));
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !chance.once(6)) {
    const entries = Object.entries(value);
    const at = chance.below(entries.length + 1);
    const entry = entries[at];
    if (entry === undefined)
      return { ...value, [chance.pick(['extra', '__proto__', 'غريب', 'a b'])]: chance.pick(HOSTILE) };
    if (chance.once(4)) return Object.fromEntries(entries.filter((_, index) => index !== at));
    return { ...value, [entry[0]]: mutate(entry[1], chance) };
  }
  return chance.pick(HOSTILE);
}
