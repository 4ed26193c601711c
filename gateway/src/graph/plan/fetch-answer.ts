import { GraphQLError, type GraphQLErrorOptions } from 'graphql';
import type { Path } from '../shape/complete.ts';
import type { TextBody } from '../text-body.ts';
import type { SubgraphError } from './plan-run.ts';

export interface FetchAnswer {
  readonly data: Record<string, unknown> | undefined;
  readonly errors: readonly SubgraphError[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a subgraph's answer. Throws when it is no GraphQL response. */
export function readAnswer({ text }: TextBody): FetchAnswer {
  const answer: unknown = JSON.parse(text);
  if (!isObject(answer)) throw new Error('The subgraph did not answer with an object.');
  const { data, errors } = answer;
  const reported = Array.isArray(errors) ? errors.filter(isObject) : [];
  if (isObject(data)) return { data, errors: reported };
  if (reported.length === 0) throw new Error('The subgraph answered with neither data nor errors.');
  return { data: undefined, errors: reported };
}

/** The path that a subgraph gave, if it is one. */
export const pathIn = ({ path }: SubgraphError): Path | undefined =>
  Array.isArray(path) && path.every((step) => typeof step === 'string' || typeof step === 'number')
    ? (path as Path)
    : undefined;

/** A subgraph's error as ours, at its place in the whole answer. */
export function relocate(error: SubgraphError, subgraph: string, path: Path | undefined): GraphQLError {
  const extensions = isObject(error.extensions) ? error.extensions : {};
  const message = typeof error.message === 'string' && error.message !== '' ? error.message : 'The subgraph failed.';
  const options: GraphQLErrorOptions = {
    ...(path === undefined ? {} : { path }),
    extensions: { code: 'DOWNSTREAM_SERVICE_ERROR', ...extensions, serviceName: subgraph },
  };
  return new GraphQLError(message, options);
}
