import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';

/** A GraphQL request, whichever wire form it came in. */
export interface GraphRequest {
  /** The id the client named, as it is looked up. */
  readonly documentId: string | undefined;
  readonly text: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

const Parameters = z.object({
  documentId: z.string().max(200).nullish(),
  doc_id: z.string().max(200).nullish(),
  query: z.string().nullish(),
  operationName: z.string().max(200).nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z
    .looseObject({
      persistedQuery: z.looseObject({ sha256Hash: z.string().regex(/^[0-9a-f]{64}$/i) }).nullish(),
    })
    .nullish(),
});

/** The body of a POST. Throws VALIDATION_FAILED; a list is a batch, and batches are refused. */
export function readBody(body: unknown): GraphRequest {
  if (Array.isArray(body)) throw new DomainError('VALIDATION_FAILED', { detail: 'Send one operation per request.' });
  return readParameters(body);
}

/** The query string of a GET; `variables` and `extensions` are JSON in it. `pathId` is the id in `/graphql/<id>`. */
export function readSearch(search: string, pathId?: string): GraphRequest {
  const parameters = new URLSearchParams(search);
  const given: Record<string, unknown> = {};
  for (const name of new Set(parameters.keys())) {
    const [value, ...others] = parameters.getAll(name);
    if (others.length > 0)
      throw new DomainError('VALIDATION_FAILED', { detail: `The parameter ${name} is given twice.` });
    given[name] = name === 'variables' || name === 'extensions' ? readJson(name, value ?? '') : value;
  }
  if (pathId !== undefined && given.documentId !== undefined && given.documentId !== pathId) throw disagreement();
  return readParameters(pathId === undefined ? given : { ...given, documentId: pathId });
}

function readParameters(given: unknown): GraphRequest {
  const usual = readUsual(given);
  if (usual !== undefined) return usual;
  const parsed = Parameters.safeParse(given);
  if (!parsed.success) {
    const errors = parsed.error.issues.slice(0, 10).map(({ path, message }) => {
      return { pointer: path.map((one) => `/${String(one)}`).join(''), code: 'invalid', detail: message };
    });
    throw new DomainError('VALIDATION_FAILED', { detail: 'This is not a GraphQL request.', errors });
  }
  const { documentId, doc_id, query, operationName, variables, extensions } = parsed.data;
  const hash = extensions?.persistedQuery?.sha256Hash;
  const ids = [documentId, doc_id, hash].map((one) => one?.replace(BARE_OR_NAMED_HASH, toDocumentId));
  const [id, ...others] = new Set(ids.filter((one) => one !== undefined && one !== null && one !== ''));
  if (others.length > 0) throw disagreement();
  return {
    documentId: id ?? undefined,
    text: query ?? undefined,
    operationName: operationName ?? undefined,
    variables: variables ?? {},
  };
}

/** What most requests are: our own id and variables, nothing else. Anything unusual goes the whole way. */
function readUsual(given: unknown): GraphRequest | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { documentId, variables = {}, ...others } = given as Record<string, unknown>;
  if (typeof documentId !== 'string' || !OUR_ID.test(documentId) || !isPlainObject(variables)) return undefined;
  for (const _ in others) return undefined;
  return { documentId, text: undefined, operationName: undefined, variables };
}

const OUR_ID = /^sha256:[0-9a-f]{64}$/;
const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A client's own key that is the hash itself, with or without our prefix, in whichever case. */
const BARE_OR_NAMED_HASH = /^(?:sha256:)?([0-9a-f]{64})$/i;
const toDocumentId = (_key: string, hex: string): string => `sha256:${hex.toLowerCase()}`;

const disagreement = () => new DomainError('VALIDATION_FAILED', { detail: 'The request names two documents.' });

function readJson(name: string, text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new DomainError('MALFORMED_JSON', { detail: `The parameter ${name} is not valid JSON.` });
  }
}
