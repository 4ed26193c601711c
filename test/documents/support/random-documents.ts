import { type Analysis, examineDocument, type Graph } from '@bridgework/schema';
import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Random } from '../../support/random.ts';

/** A document that was approved, and what its author knows of it without any of our analysis. */
export interface ApprovedDocument {
  readonly text: string;
  readonly analysis: Analysis;
  /** `Type.field` as they were written. */
  readonly uses: ReadonlySet<string>;
  /** `Type.field(argument:)` as they were written. */
  readonly gives: ReadonlySet<string>;
  /** Input objects that its variables are of. */
  readonly sends: ReadonlySet<string>;
}

/** So many different documents, each valid, small and allowed to some partner. */
export function randomDocuments(graph: Graph, random: Random, count: number): ApprovedDocument[] {
  const documents: ApprovedDocument[] = [];
  const texts = new Set<string>();
  for (let attempt = 0; documents.length < count; attempt += 1) {
    if (attempt > count * 20) throw new Error('The graph is too small for so many documents.');
    const written = write(graph, random, `Document${attempt}`);
    const examination = examineDocument(graph, written.text);
    if (examination.kind === 'invalid') continue;
    const { analysis } = examination;
    const body = written.text.replace(/Document\d+/, '');
    if (analysis.manager || analysis.worstCost > 500 || texts.has(body)) continue;
    texts.add(body);
    documents.push({ ...written, analysis });
  }
  return documents;
}

interface Written {
  readonly text: string;
  readonly uses: Set<string>;
  readonly gives: Set<string>;
  readonly sends: Set<string>;
}

function write(graph: Graph, random: Random, name: string): Written {
  const written = { uses: new Set<string>(), gives: new Set<string>(), sends: new Set<string>() };
  const variables: string[] = [];
  const query = graph.schema.getQueryType();
  if (!query) throw new Error('The graph has no query.');

  const isOpen = (type: GraphQLObjectType, field: string): boolean => {
    const requirement = graph.requirements[`${type.name}.${field}`];
    return requirement !== undefined && !('policy' in requirement);
  };

  const argumentsOf = (coordinate: string, field: GraphQLField<unknown, unknown>): string => {
    const given = field.args.flatMap((argument) => {
      const isRequired = isNonNullType(argument.type) && argument.defaultValue === undefined;
      if (!isRequired && random.chance(0.6)) return [];
      written.gives.add(`${coordinate}(${argument.name}:)`);
      const named = getNamedType(argument.type);
      if (argument.name === 'first') return [`first: ${random.int(1, 5)}`];
      const variable = `v${variables.length}`;
      variables.push(`$${variable}: ${argument.type}`);
      if (isInputObjectType(named)) written.sends.add(named.name);
      return [`${argument.name}: $${variable}`];
    });
    return given.length === 0 ? '' : `(${given.join(', ')})`;
  };

  const select = (type: GraphQLObjectType, depth: number): string => {
    const fields = Object.values(type.getFields()).filter(
      (field) => isOpen(type, field.name) && (depth > 0 || isLeafType(getNamedType(field.type))),
    );
    const chosen = random.shuffle(fields).slice(0, type === query ? 1 : random.int(1, 4));
    const lines = chosen.map((field) => {
      const coordinate = `${type.name}.${field.name}`;
      const returned = getNamedType(field.type);
      written.uses.add(coordinate);
      const head = `${random.chance(0.1) ? `${field.name}Too: ` : ''}${field.name}${argumentsOf(coordinate, field)}`;
      return isObjectType(returned) ? `${head} ${select(returned, depth - 1)}` : head;
    });
    return lines.length === 0 ? '{ __typename }' : `{ ${lines.join(' ')} }`;
  };

  const body = select(query, 5);
  const declared = variables.length === 0 ? '' : `(${variables.join(', ')})`;
  return { text: `query ${name}${declared} ${body}`, ...written };
}
