/**
 * Composes the subgraphs into what the product runs on: `supergraph.graphql` (what the gateway loads) and
 * `generated/requirements.json` (what each field asks of a caller), and `docs/scopes.md`. All are committed; `--check` fails when they are not
 * what the subgraphs compose to, so a change of the contract shows in review.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { type DocumentNode, parse, print } from 'graphql';
import { findGuardedKeys, findSubgraphFaults } from '../src/authorization/check-subgraph.ts';
import { extractRequirements } from '../src/authorization/extract-requirements.ts';
import { parseRequirements } from '../src/authorization/requirements.ts';
import { stripSecurity } from '../src/authorization/strip-security.ts';
import { SUBGRAPH_NAMES } from '../src/scopes.ts';
import { printScopeMatrix } from './scope-matrix.ts';

const root = join(import.meta.dirname, '..');

export interface Composition {
  readonly supergraph: string;
  readonly requirements: string;
}

/** Throws an error that names every fault. */
export function compose(subgraphs: Readonly<Record<string, DocumentNode>>): Composition {
  const services = Object.entries(subgraphs).map(([name, typeDefs]) => ({ name, typeDefs, url: `subgraph:${name}` }));
  refuse(services.flatMap(({ name, typeDefs }) => findSubgraphFaults(name, typeDefs)));
  const composed = composeServices(services);
  if (composed.supergraphSdl === undefined) {
    throw refusal((composed.errors ?? []).map(({ message, extensions }) => `${String(extensions.code)}: ${message}`));
  }
  const document = parse(composed.supergraphSdl, { noLocation: true });
  const { requirements, faults } = extractRequirements(document);
  const isPublic = (coordinate: string): boolean => 'public' in (requirements[coordinate] ?? {});
  refuse([...faults, ...findGuardedKeys(document, isPublic)]);
  return {
    supergraph: `${print(stripSecurity(document))}\n`,
    requirements: printLines(requirements),
  };
}

/** One line for each field, so that a weaker requirement is a visible line in review. */
const printLines = (map: Readonly<Record<string, unknown>>): string =>
  `{\n${Object.entries(map)
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')}\n}\n`;

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw refusal(faults);
}

const refusal = (faults: readonly string[]): Error =>
  new Error(`The graph cannot be composed:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);

export const readSubgraphs = (): Record<string, DocumentNode> =>
  Object.fromEntries(
    SUBGRAPH_NAMES.map((name) => [name, parse(readFileSync(join(root, 'subgraphs', `${name}.graphql`), 'utf8'))]),
  );

function main(check: boolean): void {
  const { supergraph, requirements } = compose(readSubgraphs());
  const files = {
    'supergraph.graphql': supergraph,
    'generated/requirements.json': requirements,
    '../docs/scopes.md': printScopeMatrix(parseRequirements(requirements)),
  };
  for (const [file, text] of Object.entries(files)) {
    const path = join(root, file);
    if (!check) {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    } else if (readIfThere(path) !== text) {
      throw new Error(
        `schema/${file} is not what the subgraphs compose to: run npm run compose -w schema and commit it.`,
      );
    }
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (process.argv[1] === import.meta.filename) {
  try {
    main(process.argv.includes('--check'));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
