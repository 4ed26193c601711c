import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** How OpenAPI names a schema that has an id. */
const refTo = (id: string): string => `#/components/schemas/${id}`;

/** The id a DTO was given by `.meta({ id })`. */
export function nameOf(schema: z.ZodType): string {
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) throw new Error('Every body and answer of a route has an id: .meta({ id }).');
  return id;
}

export const schemaRef = (schema: z.ZodType): JsonSchema => ({ $ref: refTo(nameOf(schema)) });

/**
 * JSON Schemas of named DTOs, by name. Those of answers are open, since new response fields are no breaking change;
 * those of requests are closed, since unknown fields are refused.
 */
export function describeNamed(
  schemas: readonly z.ZodType[],
  options: { readonly open: boolean },
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const schema of schemas.flatMap(withNamedParts)) registry.add(schema, { id: nameOf(schema) });
  const described = z.toJSONSchema(registry, { uri: refTo, override: options.open ? leaveOpen : simplify });
  return Object.fromEntries(Object.entries(described.schemas).map(([name, schema]) => [name, bare(schema)]));
}

/** The JSON Schema of something without a name. `input` is what may be sent, before it is brought into one form. */
export const describeInline = (schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonSchema =>
  bare(z.toJSONSchema(schema, { io, reused: 'inline', override: io === 'input' ? leaveOpen : simplify }));

function bare(schema: object): JsonSchema {
  const { $schema: _dialect, $id: _uri, id: _id, ...rest } = schema as JsonSchema;
  return rest;
}

interface Described {
  readonly jsonSchema: { additionalProperties?: unknown; format?: string; pattern?: string };
}

/** zod spells a format out as a pattern that nobody can read; the format says it. */
function simplify({ jsonSchema }: Described): void {
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}

function leaveOpen(described: Described): void {
  simplify(described);
  if (described.jsonSchema.additionalProperties === false) delete described.jsonSchema.additionalProperties;
}

/** A page names its entries' DTO, which becomes a schema of its own. */
function withNamedParts(schema: z.ZodType): z.ZodType[] {
  const parts = schema instanceof z.ZodObject ? Object.values(schema.shape) : [];
  const elements = parts.flatMap((part) => (part instanceof z.ZodArray ? [part.element as z.ZodType] : []));
  return [...elements.filter((element) => z.globalRegistry.get(element)?.id !== undefined), schema];
}
