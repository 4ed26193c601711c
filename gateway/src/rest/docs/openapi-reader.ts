/** The parts of the committed reference that the page shows. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly examples?: readonly unknown[];
  readonly example?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface OperationDoc {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly deprecated?: boolean;
  readonly security: readonly { readonly integrationToken?: readonly string[] }[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<
    Record<string, Content & { readonly description: string; readonly 'x-problem-types'?: readonly string[] }>
  >;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDoc>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: OperationDoc }>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly headers: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
  };
}

/** The schema itself, where it is only named. */
export const resolve = (openapi: OpenApi, schema: Schema): Schema =>
  schema.$ref === undefined ? schema : (openapi.components.schemas[schema.$ref.replace(/^.*\//, '')] ?? {});

export const schemaOf = ({ content }: Content, media = 'application/json'): Schema | undefined =>
  content?.[media]?.schema;

/** A schema that may be null, without its null. */
export function withoutNull(schema: Schema): { schema: Schema; nullable: boolean } {
  const { type } = schema;
  if (Array.isArray(type)) {
    const [only] = type.filter((one) => one !== 'null');
    return { schema: { ...schema, type: only ?? 'null' }, nullable: type.includes('null') };
  }
  const alternatives = schema.anyOf ?? [];
  const rest = alternatives.filter(({ type }) => type !== 'null');
  const [only] = rest;
  if (only === undefined || rest.length === alternatives.length) return { schema, nullable: false };
  const described = schema.description === undefined ? {} : { description: schema.description };
  return { schema: { ...only, ...described }, nullable: true };
}
