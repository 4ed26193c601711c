import type { IncomingMessage } from 'node:http';
import { DomainError } from '@bridgework/kernel/errors';

export interface GraphRequestBody {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly operationName: string | undefined;
}

/** Reads the body of a GraphQL request. Throws UNSUPPORTED_MEDIA_TYPE or MALFORMED_JSON. */
export function parseGraphRequest(request: IncomingMessage, body: string): GraphRequestBody {
  const type = request.headers['content-type'] ?? '';
  if (type !== 'application/json' && !/^application\/json\b/i.test(type))
    throw new DomainError('UNSUPPORTED_MEDIA_TYPE');
  const parsed = parseJson(body);
  if (isRecord(parsed)) {
    const { query, variables, operationName } = parsed;
    const isNamed = typeof operationName === 'string';
    if (
      typeof query === 'string' &&
      (isNamed || isNullish(operationName)) &&
      (isNullish(variables) || isRecord(variables))
    ) {
      return { query, variables: variables ?? {}, operationName: isNamed ? operationName : undefined };
    }
  }
  throw new DomainError('MALFORMED_JSON', { detail: 'The body is not a GraphQL request.' });
}

const isNullish = (value: unknown): value is null | undefined => value === null || value === undefined;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DomainError('MALFORMED_JSON', { cause });
  }
}
