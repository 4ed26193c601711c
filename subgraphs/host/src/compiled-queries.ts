import { type DocumentNode, type GraphQLSchema, getVariableValues, type OperationDefinitionNode } from 'graphql';
import { type CompiledQuery, compileQuery, type RunCompiled } from './compile-query.ts';
import type { Variables } from './hoist-arguments.ts';
import { conditionVariables, plainQuery } from './plain-query.ts';

/** The compiled form of a query for these variables, when there is one by now and they fit. */
export type FindCompiled = (variables: Variables) => RunCompiled | undefined;

export interface CompilingOptions {
  /** When a query is compiled: between requests once it came a second time (default), or before it runs. */
  readonly compile?: 'when-asked-again' | 'at-once';
  readonly maxKept?: number;
}

const MAX_KEPT = 500;
/** Each truth of the conditions is compiled apart. */
const MAX_CONDITIONS = 4;
/** Code grows with the fields that it reads; what is larger than any document of ours stays with graphql-js. */
const MAX_FIELDS = 1000;

/**
 * Compiles the queries of one subgraph, each when it is asked for again, between requests and one at a time: the first
 * request with a new text waits for no compiler. The most recently used ones stay.
 */
export function createCompiledQueries(
  schema: GraphQLSchema,
  { compile: when = 'when-asked-again', maxKept = MAX_KEPT }: CompilingOptions = {},
): (document: DocumentNode, operation: OperationDefinitionNode) => FindCompiled {
  /** Undefined stands for what does not compile. */
  const kept = new Map<string, CompiledQuery | undefined>();
  const compileLater = createQueue();
  let documents = 0;

  function keep(key: string, compiled: CompiledQuery | undefined): CompiledQuery | undefined {
    kept.delete(key);
    kept.set(key, compiled);
    const [oldest] = kept.size > maxKept ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    return compiled;
  }

  return (document, operation) => {
    documents += 1;
    const name = String(documents);
    const conditions = conditionVariables(document, operation);
    const asked = new Set<string>();
    if (conditions.length > MAX_CONDITIONS) return () => undefined;

    function compileUnder(coerced: Variables): CompiledQuery | undefined {
      const truths = new Map(conditions.map((one) => [one, coerced[one] === true]));
      try {
        const plain = plainQuery(document, operation, truths, MAX_FIELDS);
        return plain && compileQuery(schema, operation, plain);
      } catch {
        // What the compiler fails at is run without it.
        return undefined;
      }
    }

    function find(coerced: Variables): CompiledQuery | undefined {
      // Of a condition that is null graphql-js reports an error.
      if (conditions.some((one) => typeof coerced[one] !== 'boolean')) return undefined;
      const key = conditions.reduce((text, one) => `${text} ${coerced[one]}`, name);
      if (kept.has(key)) return keep(key, kept.get(key));
      if (when === 'at-once') return keep(key, compileUnder(coerced));
      if (!asked.has(key)) asked.add(key);
      else {
        asked.delete(key);
        compileLater(() => keep(key, compileUnder(coerced)));
      }
      return undefined;
    }

    return (variables) => {
      const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], { ...variables });
      return coerced && find(coerced)?.(coerced);
    };
  };
}

/** Does what it is given one by one, with room for requests in between. */
function createQueue(): (work: () => void) => void {
  const waiting: (() => void)[] = [];
  const next = (): void => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  };
  return (work) => {
    if (waiting.push(work) === 1) setImmediate(next);
  };
}
