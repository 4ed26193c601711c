import type { FetchNode } from '@apollo/query-planner';

/** Writes the JSON of a fetch's request; only what differs from request to request is written anew. */
export type WriteBody = (variables: Readonly<Record<string, unknown>>, representations?: readonly string[]) => string;

export function compileBody({ operation, operationName, variableUsages = [] }: FetchNode): WriteBody {
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  const before = `{"query":${JSON.stringify(operation)}${name},"variables":{`;
  const keys = variableUsages.map((usage) => [usage, `${JSON.stringify(usage)}:`] as const);
  return (variables, representations) => {
    let text = before;
    let comma = '';
    for (const [usage, key] of keys) {
      const value = Object.hasOwn(variables, usage) ? variables[usage] : undefined;
      if (value === undefined) continue;
      text += comma + key + JSON.stringify(value);
      comma = ',';
    }
    return representations === undefined
      ? `${text}}}`
      : `${text}${comma}"representations":[${representations.join(',')}]}}`;
  };
}
