import { createHash } from 'node:crypto';
import { DomainError } from '@bridgework/kernel/errors';
import type { FieldResolvers, Resolvers } from '@bridgework/kernel/subgraph';
import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';

export interface World {
  /** The same seed gives the same answer in the same place, whoever runs the query. */
  seed: number;
  /** How often a value is missing, of the wrong type, or fails. */
  faults: number;
}

/**
 * Resolvers of a real subgraph's shape (the same fields have resolvers of their own, the others are read from rows) with
 * answers made up from where they stand and what they were asked: at once or later, right, missing, wrong or failing.
 */
export function madeUpResolvers(schema: GraphQLSchema, real: Resolvers, world: World): Resolvers {
  const maker = new Maker(schema, world);
  return Object.fromEntries(
    Object.entries(real).flatMap(([name, fields]): [string, FieldResolvers][] => {
      const type = schema.getType(name);
      if (!isObjectType(type)) return [];
      return [[name, Object.fromEntries(Object.keys(fields).map((field) => [field, maker.resolver(type, field)]))]];
    }),
  );
}

class Maker {
  readonly schema: GraphQLSchema;
  readonly world: World;

  constructor(schema: GraphQLSchema, world: World) {
    this.schema = schema;
    this.world = world;
  }

  resolver(type: GraphQLObjectType, name: string) {
    if (name === '__resolveReference') {
      return (reference: { id?: unknown }): unknown => this.answer(`${type.name} ${String(reference.id)}`, type);
    }
    const field = type.getFields()[name];
    if (field === undefined) throw new Error(`${type.name}.${name} is unknown.`);
    return (_parent: unknown, args: unknown, _ctx: unknown, info: GraphQLResolveInfo): unknown =>
      this.answer(`${placeOf(info)} ${canonical(args)}`, field.type);
  }

  /** What a resolver does: answers at once or later, throws, or gives an error instead of a value. */
  answer(place: string, type: GraphQLOutputType): unknown {
    const value = this.chance(`${place} fails`) < this.world.faults ? this.failure(place) : undefined;
    const isLate = this.chance(`${place} late`) < 0.4;
    if (value === undefined) {
      const made = this.value(place, type);
      return isLate ? Promise.resolve(made) : made;
    }
    if (isLate) return Promise.reject(value);
    if (this.chance(`${place} given`) < 0.3 && value instanceof Error) return value;
    throw value;
  }

  failure(place: string): unknown {
    const kinds = [
      () => new DomainError('CONFLICT', { detail: 'Not now.' }),
      () => new DomainError('VALIDATION_FAILED'),
      () => new RangeError('out of range'),
      () => 'no error at all',
    ];
    return kinds[Math.floor(this.chance(`${place} failure`) * kinds.length)]?.();
  }

  /** What stands in a row: never a promise, seldom wrong. */
  value(place: string, of: GraphQLOutputType): unknown {
    const type = getNullableType(of);
    const isFaulty = this.chance(`${place} faulty`) < this.world.faults;
    if (isFaulty) return this.wrong(place);
    if (!isNonNullType(of) && this.chance(`${place} null`) < 0.1)
      return this.chance(`${place} undefined`) < 0.3 ? undefined : null;
    if (isListType(type)) {
      const length = Math.floor(this.chance(`${place} length`) * 4);
      return Array.from({ length }, (_, at) => this.value(`${place} ${at}`, type.ofType));
    }
    if (isObjectType(type)) return this.row(place, type);
    return this.leaf(place, type);
  }

  wrong(place: string): unknown {
    const kinds = [
      null,
      undefined,
      'wrong',
      3.7,
      Number.NaN,
      true,
      new Date(Number.NaN),
      [],
      [null],
      {},
      Symbol.for('x'),
    ];
    const at = Math.floor(this.chance(`${place} wrong`) * (kinds.length + 1));
    return at === kinds.length ? new DomainError('CONFLICT') : kinds[at];
  }

  row(place: string, type: GraphQLObjectType): unknown {
    const row: Record<string, unknown> = {};
    for (const field of Object.values(type.getFields())) this.define(row, place, field);
    return row;
  }

  /** Made when it is read: types lead back to each other. */
  define(row: Record<string, unknown>, place: string, { name, type }: GraphQLField<unknown, unknown>): void {
    let made: { readonly value: unknown } | undefined;
    const get = () => {
      made ??= { value: this.value(`${place}.${name}`, type) };
      return made.value;
    };
    Object.defineProperty(row, name, { enumerable: true, configurable: true, get });
  }

  leaf(place: string, type: GraphQLOutputType): unknown {
    if (isEnumType(type)) {
      const values = type.getValues();
      return values[Math.floor(this.chance(`${place} enum`) * values.length)]?.value;
    }
    const number = Math.floor(this.chance(place) * 1000);
    switch (getNamedType(type).name) {
      case 'Int':
      case 'SafeInt':
        return number;
      case 'Boolean':
        return number % 2 === 0;
      case 'DateTime':
        return number % 3 === 0 ? '2026-03-01T08:30:00.000Z' : new Date(1_700_000_000_000 + number * 1000);
      case 'Date':
        return '2026-03-01';
      case 'Scope':
        return 'read:visits';
      case 'EventType':
        return 'visit.completed';
      default:
        return number % 5 === 0 ? number : `${number} سارة "quoted"`;
    }
  }

  /** From 0 to below 1. */
  chance(place: string): number {
    return createHash('md5').update(`${this.world.seed} ${place}`).digest().readUInt32LE(0) / 2 ** 32;
  }
}

/** Whoever coerced the arguments may have written them down in another order. */
const canonical = (args: unknown): string =>
  JSON.stringify(args, (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );

function placeOf({ path, parentType, fieldName }: GraphQLResolveInfo): string {
  const keys: (string | number)[] = [];
  for (let one: GraphQLResolveInfo['path'] | undefined = path; one !== undefined; one = one.prev) keys.unshift(one.key);
  return `${parentType.name}.${fieldName} ${keys.join('/')}`;
}
