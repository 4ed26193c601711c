import { EXAMPLE_VALUES, OPEN_CODES, USUAL_CODES, USUALLY_NULL } from './example-values.ts';
import {
  type OpenApi,
  type OperationDoc,
  type Parameter,
  resolve,
  type Schema,
  schemaOf,
  withoutNull,
} from './openapi-reader.ts';

/** A value that the schema takes. */
export function exampleOf(openapi: OpenApi, given: Schema, name = ''): unknown {
  const { schema, nullable } = withoutNull(resolve(openapi, given));
  if (nullable && USUALLY_NULL.has(name)) return null;
  if (schema.const !== undefined) return schema.const;
  const [example] = schema.examples ?? [];
  if (example !== undefined) return example;
  if (schema.enum !== undefined) return exampleOfList(schema.enum, name);
  if (schema.properties !== undefined) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([key, part]) => [key, exampleOf(openapi, part, key)]),
    );
  }
  if (schema.items !== undefined) return name === 'errors' ? [] : [exampleOf(openapi, schema.items, name)];
  switch (schema.type) {
    case 'integer':
    case 'number':
      return (
        EXAMPLE_VALUES[name] ?? (Number.isSafeInteger((schema.minimum ?? 0) - 1) ? schema.minimum : undefined) ?? 1
      );
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'object':
      return name === 'metadata' ? { ref: 'A-1042' } : {};
    default:
      return exampleText(schema, name);
  }
}

const exampleOfList = (values: readonly unknown[], name: string): unknown =>
  values.find((one) => one === EXAMPLE_VALUES[name]) ?? values.find((one) => USUAL_CODES.has(one)) ?? values[0];

function exampleText({ format, pattern }: Schema, name: string): string {
  const known = EXAMPLE_VALUES[name];
  if (typeof known === 'string') return known;
  if (format === 'date-time') return name === 'ends_at' ? '2026-03-01T09:00:00.000Z' : '2026-03-01T08:30:00.000Z';
  if (format === 'date') return '2026-03-01';
  if (format === 'uri') return 'https://partner.example/bridgework';
  return pattern === '^[0-9]{4}$' ? '4242' : (OPEN_CODES[name] ?? 'text');
}

/** What the operation is called with: path, and the query of an example. */
export function exampleTarget(path: string, operation: OperationDoc): string {
  const of = (place: Parameter['in']) => (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  const filled = of('path').reduce(
    (text, { name, schema }) => text.replace(`{${name}}`, String(schema.examples?.[0] ?? EXAMPLE_VALUES[name] ?? name)),
    path,
  );
  const query = of('query')
    .filter(({ name, required }) => required || name === 'updated_since' || name === 'limit')
    .map(
      ({ name, schema }) =>
        `${name}=${encodeURIComponent(String(schema.examples?.[0] ?? schema.enum?.[0] ?? exampleText(schema, name)))}`,
    )
    .map((pair) => pair.replace('limit=text', 'limit=25'));
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`;
}

interface Call {
  readonly method: string;
  readonly target: string;
  readonly operation: OperationDoc;
}

const needsToken = ({ security }: OperationDoc): boolean => security.length > 0;
const headerNames = ({ parameters = [] }: OperationDoc): string[] =>
  parameters.filter((one) => one.in === 'header' && one.required).map(({ name }) => name);

/** The call with curl. Single quotes keep the shell away from the body. */
export function curlExample(openapi: OpenApi, { method, target, operation }: Call): string {
  const body = bodyOf(openapi, operation);
  const lines = [
    `curl -s "$BRIDGEWORK${target}"${method === 'GET' ? '' : ` -X ${method}`}`,
    ...(needsToken(operation) ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...headerNames(operation).map((name) =>
      name === 'Idempotency-Key' ? '-H "Idempotency-Key: $(uuidgen)"' : `-H '${name}: "the ETag you read"'`,
    ),
    ...(body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(body, undefined, 2)}'`]),
  ];
  return lines.join(' \\\n  ');
}

/** The call with the fetch that Node and browsers have. */
export function javascriptExample(openapi: OpenApi, { method, target, operation }: Call): string {
  const body = bodyOf(openapi, operation);
  const headers = [
    ...(needsToken(operation) ? [`    Authorization: \`Bearer \${process.env.TOKEN}\`,`] : []),
    ...headerNames(operation).map((name) =>
      name === 'Idempotency-Key' ? "    'Idempotency-Key': crypto.randomUUID()," : `    '${name}': etag,`,
    ),
    ...(body === undefined ? [] : ["    'Content-Type': 'application/json',"]),
  ];
  const options = [
    ...(method === 'GET' ? [] : [`  method: '${method}',`]),
    ...(headers.length === 0 ? [] : ['  headers: {', ...headers, '  },']),
    ...(body === undefined
      ? []
      : [`  body: JSON.stringify(${JSON.stringify(body, undefined, 2).replaceAll('\n', '\n  ')}),`]),
  ];
  const open = options.length === 0 ? ');' : `, {\n${options.join('\n')}\n});`;
  return [
    `const response = await fetch(\`\${process.env.BRIDGEWORK}${target}\`${open}`,
    'const body = await response.json();',
    `if (!response.ok) throw new Error(\`\${body.title} (\${body.request_id})\`);`,
  ].join('\n');
}

function bodyOf(openapi: OpenApi, operation: OperationDoc): unknown {
  const schema = operation.requestBody && schemaOf(operation.requestBody);
  return schema && exampleOf(openapi, schema);
}
