import { type Comparison, type ContractSchema, compareSchemas, type ResolveSchema } from './compare-schemas.ts';

/** What is compared of an OpenAPI document. */
export interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, ContractOperation>>>>;
  readonly webhooks?: Readonly<Record<string, Readonly<Record<string, ContractOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, ContractSchema>> };
}

interface Content {
  /** A file has a media type and no schema. */
  readonly content?: Readonly<Record<string, { readonly schema?: ContractSchema }>>;
}

interface ContractOperation {
  readonly operationId?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: ContractSchema;
  }[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content & { readonly headers?: Readonly<Record<string, unknown>> }>>;
}

interface Both {
  readonly before: ResolveSchema;
  readonly after: ResolveSchema;
}

/**
 * What a partner who follows the released contract would notice of the new one; nothing when all changes are additive. Of
 * webhooks we are the sender: their payload is judged as an answer is.
 *
 * @see docs/decisions/0025-breaking-changes.md
 */
export function findBreakingChanges(released: Contract, current: Contract): string[] {
  const both: Both = { before: resolver(released), after: resolver(current) };
  return [
    ...compareOperations(released.paths, current.paths, (old, now, place) => compareOperation(old, now, both, place)),
    ...compareOperations(released.webhooks ?? {}, current.webhooks ?? {}, (old, now, place) =>
      compareWebhook(old, now, both, place),
    ),
  ];
}

const resolver =
  ({ components }: Contract): ResolveSchema =>
  ({ $ref, ...schema }) =>
    $ref === undefined ? schema : { ...components.schemas[$ref.replace(/^.*\//, '')], ...schema };

type Operations = Contract['paths'];

function compareOperations(
  released: Operations,
  current: Operations,
  compare: (old: ContractOperation, now: ContractOperation, place: string) => string[],
): string[] {
  return Object.entries(released).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, old]) => {
      const place = `${method.toUpperCase()} ${path}`;
      const now = current[path]?.[method];
      return now === undefined ? [`${place}: is gone`] : compare(old, now, place);
    }),
  );
}

function compareOperation(old: ContractOperation, now: ContractOperation, both: Both, place: string): string[] {
  return [
    ...(old.operationId === now.operationId ? [] : [`${place}: is called ${now.operationId} now`]),
    ...compareSecurity(old, now, place),
    ...compareParameters(old, now, { ...both, direction: 'input' }, place),
    ...compareBody(old, now, both, place),
    ...compareAnswers(old, now, both, place),
  ];
}

/** Whoever could call it can still call it. */
function compareSecurity(
  { security: old = [] }: ContractOperation,
  { security: now = [] }: ContractOperation,
  place: string,
) {
  const scopesOf = (one: Readonly<Record<string, readonly string[]>>) => Object.values(one).flat();
  if (old.length === 0 && now.length > 0) return [`${place}: needs a token now`];
  const lost = old.filter((one) => {
    const held = new Set(scopesOf(one));
    return now.length > 0 && !now.some((other) => scopesOf(other).every((scope) => held.has(scope)));
  });
  return lost.map((one) => `${place}: ${scopesOf(one).join(' + ')} no longer suffices`);
}

function compareParameters(
  old: ContractOperation,
  now: ContractOperation,
  comparison: Comparison,
  place: string,
): string[] {
  const known = old.parameters ?? [];
  const given = now.parameters ?? [];
  const same = (one: (typeof known)[number]) => (other: (typeof known)[number]) =>
    one.name === other.name && one.in === other.in;
  return [
    // Unknown parameters are refused, so one that is gone is an error for whoever sends it.
    ...known.flatMap((one) => {
      const changed = given.find(same(one));
      if (changed === undefined) return [`${place}: parameter ${one.name} is gone`];
      const demanded = one.required !== true && changed.required === true;
      return [
        ...(demanded ? [`${place}: parameter ${one.name} is required now`] : []),
        ...compareSchemas(one.schema, changed.schema, comparison, `${place}: parameter ${one.name}`),
      ];
    }),
    ...given
      .filter((one) => one.required === true && !known.some(same(one)))
      .map(({ name }) => `${place}: parameter ${name} is new and required`),
  ];
}

function compareBody(old: ContractOperation, now: ContractOperation, both: Both, place: string): string[] {
  const before = old.requestBody;
  const after = now.requestBody;
  if (before === undefined) return after?.required === true ? [`${place}: needs a body now`] : [];
  if (after === undefined) return [`${place}: takes no body any more`];
  return Object.entries(before.content ?? {}).flatMap(([media, { schema = {} }]) => {
    const changed = after.content?.[media];
    if (changed === undefined) return [`${place}: takes no ${media} any more`];
    return compareSchemas(schema, changed.schema ?? {}, { ...both, direction: 'input' }, `${place}: body`);
  });
}

function compareAnswers(old: ContractOperation, now: ContractOperation, both: Both, place: string): string[] {
  const isSuccess = (status: string) => status.startsWith('2');
  const added = Object.keys(now.responses).filter((status) => isSuccess(status) && old.responses[status] === undefined);
  return [
    ...added.map((status) => `${place}: answers ${status} as well now`),
    ...Object.entries(old.responses)
      .filter(([status]) => isSuccess(status))
      .flatMap(([status, before]) => {
        const after = now.responses[status];
        if (after === undefined) return [`${place}: answers ${status} no more`];
        const lost = Object.keys(before.headers ?? {}).filter((name) => after.headers?.[name] === undefined);
        return [
          ...lost.map((name) => `${place}: ${status} carries no ${name} any more`),
          ...compareContent(before, after, both, `${place}: ${status}`),
        ];
      }),
  ];
}

function compareContent(before: Content, after: Content, both: Both, place: string): string[] {
  return Object.entries(before.content ?? {}).flatMap(([media, { schema = {} }]) => {
    const changed = after.content?.[media];
    if (changed === undefined) return [`${place}: is no ${media} any more`];
    return compareSchemas(schema, changed.schema ?? {}, { ...both, direction: 'output' }, place);
  });
}

/** A receiver reads what we send: our request is their input, and an output of ours. */
function compareWebhook(old: ContractOperation, now: ContractOperation, both: Both, place: string): string[] {
  const given = new Set((now.parameters ?? []).map(({ name }) => name));
  const lost = (old.parameters ?? []).filter(({ name }) => !given.has(name));
  return [
    ...lost.map(({ name }) => `${place}: carries no ${name} any more`),
    ...compareContent(old.requestBody ?? {}, now.requestBody ?? {}, both, place),
  ];
}
