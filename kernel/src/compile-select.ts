import { Column, is, Placeholder, SQL } from 'drizzle-orm';
import type { ISql } from 'postgres';

/** A value as the driver takes it. */
export type Parameter = string | number | boolean | null | readonly string[] | readonly number[];

/** A select that drizzle has written; what it selects is flat. */
export interface BuiltSelect<Row> {
  readonly _: { readonly result: Row[]; readonly selectedFields: Readonly<Record<string, unknown>> };
  toSQL(): { readonly sql: string; readonly params: readonly unknown[] };
}

/** Runs the select with the values of its placeholders. */
export type RunSelect<Row> = (values: Readonly<Record<string, Parameter | undefined>>) => Promise<Row[]>;

/**
 * Takes text, placeholders and columns out of a select, so that a run is the driver's work and one object for each row.
 * Throws for what it does not know: nested fields, which drizzle reads by rules of its own, and constants of other kinds.
 */
export function compileSelect<Row>(client: ISql, select: BuiltSelect<Row>): RunSelect<Row> {
  const { sql: text, params } = select.toSQL();
  const fill = params.map(parameterOf);
  const read = compileReader<Row>(select._.selectedFields);
  return async (values) => {
    const rows: readonly unknown[][] = await client
      .unsafe(
        text,
        fill.map((one) => one(values)),
      )
      .values();
    return rows.map(read);
  };
}

function parameterOf(param: unknown): (values: Readonly<Record<string, Parameter | undefined>>) => Parameter {
  if (is(param, Placeholder)) {
    const { name } = param;
    return (values) => {
      const value = values[name];
      if (value === undefined) throw new Error(`A prepared select lacks its value ${name}.`);
      return value;
    };
  }
  if (typeof param === 'string' || typeof param === 'number' || typeof param === 'boolean') return () => param;
  throw new Error('A prepared select holds a constant that is no text, number or truth.');
}

type Decode = (value: unknown) => unknown;

const asItIs = Column.prototype.mapFromDriverValue;

function decoderOf(name: string, field: unknown): Decode | undefined {
  if (is(field, Column)) {
    return field.mapFromDriverValue === asItIs ? undefined : (value) => field.mapFromDriverValue(value);
  }
  if (is(field, SQL) && 'decoder' in field) {
    const { decoder } = field;
    if (typeof decoder === 'object' && decoder !== null && 'mapFromDriverValue' in decoder) {
      const { mapFromDriverValue } = decoder;
      if (typeof mapFromDriverValue === 'function') return (value) => mapFromDriverValue.call(decoder, value);
    }
  }
  throw new Error(`A prepared select reads columns and expressions; ${name} is neither.`);
}

function compileReader<Row>(fields: Readonly<Record<string, unknown>>): (values: readonly unknown[]) => Row {
  const names = Object.keys(fields);
  const decoders = names.map((name) => decoderOf(name, fields[name]));
  return (values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index += 1) {
      const value = values[index];
      const decode = decoders[index];
      row[names[index] ?? ''] = decode === undefined || value === null ? value : decode(value);
    }
    // drizzle derives Row from these very fields, and their decoders are its own.
    return row as Row;
  };
}
