import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type DefinitionNode, type FragmentDefinitionNode, GraphQLError, Kind, parse, visit } from 'graphql';
import { PlainError } from '../plain-error.ts';

/** A place in a file as editors open it; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One operation with every fragment it needs, as it will be registered. */
export interface Operation {
  readonly name: string;
  /** `sha256:<64 hex of the exact text>`: what the client will send. */
  readonly id: string;
  readonly text: string;
  /** Where a line and column of `text` stand in the folder. */
  placeOf(line: number, column: number): Place;
  readonly place: Place;
}

export interface FileFault extends Place {
  readonly message: string;
}

export interface Folder {
  readonly operations: readonly Operation[];
  readonly files: number;
  /** What cannot even be read; empty when everything can. */
  readonly faults: readonly FileFault[];
}

/** A definition as it stands in its file. */
interface Piece extends Place {
  readonly definition: DefinitionNode;
  readonly text: string;
}

/**
 * Reads every .graphql and .gql file below a folder. Fragments may stand in other files than the operations that use
 * them; each operation becomes a document of its own: its text and its fragments' as they were written.
 *
 * Throws a PlainError when there is no such folder or nothing in it.
 */
export function readFolder(folder: string, cwd: string): Folder {
  const files = findFiles(folder);
  if (files.length === 0) throw new PlainError(`There is no .graphql file in ${folder}.`);
  const faults: FileFault[] = [];
  const pieces = files.flatMap((file) => readPieces(file, relative(cwd, file) || file, faults));
  const operations = pieces.filter(({ definition }) => definition.kind === Kind.OPERATION_DEFINITION);
  const fragments = new Map<string, Piece>();
  for (const piece of pieces) {
    const { definition } = piece;
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      const earlier = fragments.get(definition.name.value);
      if (earlier === undefined) fragments.set(definition.name.value, piece);
      else
        faults.push({
          ...placeOf(piece),
          message: `The fragment ${definition.name.value} stands in ${earlier.file} too.`,
        });
    } else if (definition.kind !== Kind.OPERATION_DEFINITION) {
      faults.push({ ...placeOf(piece), message: 'Operations and fragments only; this is neither.' });
    }
  }
  faults.push(...findNamelessOrTwice(operations));
  if (faults.length > 0) return { operations: [], files: files.length, faults: faults.toSorted(byPlace) };
  if (operations.length === 0) throw new PlainError(`There is no operation in ${folder}, only fragments.`);
  return { operations: operations.map((piece) => assemble(piece, fragments)), files: files.length, faults };
}

function findFiles(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new PlainError(`${folder} is no folder.`);
  }
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(graphql|gql)$/.test(file) && !/(^|[\\/])node_modules[\\/]/.test(file))
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function readPieces(file: string, shown: string, faults: FileFault[]): Piece[] {
  const text = readFileSync(file, 'utf8');
  if (text.trim() === '') return [];
  try {
    return parse(text).definitions.map((definition) => {
      // Parsed with locations.
      const { start = 0, end = 0, startToken } = definition.loc ?? {};
      return {
        definition,
        text: text.slice(start, end),
        file: shown,
        line: startToken?.line ?? 1,
        column: startToken?.column ?? 1,
      };
    });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const { line, column } = error.locations?.[0] ?? { line: 1, column: 1 };
    // A file of comments alone holds no definition.
    if (/Unexpected <EOF>/.test(error.message) && isComment(text)) return [];
    faults.push({ file: shown, line, column, message: error.message });
    return [];
  }
}

const isComment = (text: string): boolean => text.split(/\r?\n/).every((line) => /^\s*(#|$)/.test(line));

const byPlace = (left: Place, right: Place): number =>
  left.file === right.file ? left.line - right.line : left.file < right.file ? -1 : 1;

function findNamelessOrTwice(operations: readonly Piece[]): FileFault[] {
  const seen = new Map<string, Piece>();
  return operations.flatMap((piece) => {
    const name = nameOf(piece);
    if (name === undefined) return [{ ...placeOf(piece), message: 'The operation needs a name.' }];
    const earlier = seen.get(name);
    if (earlier !== undefined) {
      return [{ ...placeOf(piece), message: `The operation ${name} stands in ${earlier.file} too.` }];
    }
    seen.set(name, piece);
    return [];
  });
}

const nameOf = ({ definition }: Piece): string | undefined =>
  definition.kind === Kind.OPERATION_DEFINITION ? definition.name?.value : undefined;

const placeOf = ({ file, line, column }: Place): Place => ({ file, line, column });

function assemble(operation: Piece, fragments: ReadonlyMap<string, Piece>): Operation {
  const parts = [operation, ...neededFragments(operation, fragments)];
  const text = parts.map((part) => part.text).join('\n\n');
  const starts: number[] = [];
  let next = 1;
  for (const part of parts) {
    starts.push(next);
    next += part.text.split('\n').length + 1;
  }
  return {
    name: nameOf(operation) ?? '',
    id: `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`,
    text,
    place: placeOf(operation),
    placeOf(line, column) {
      const at = starts.findLastIndex((start) => start <= line);
      const part = parts[at] ?? operation;
      const below = line - (starts[at] ?? 1);
      return { file: part.file, line: part.line + below, column: below === 0 ? part.column + column - 1 : column };
    },
  };
}

/** In the order of their names, so that a document's text does not depend on the order of files. */
function neededFragments(operation: Piece, fragments: ReadonlyMap<string, Piece>): Piece[] {
  const needed = new Map<string, Piece>();
  const collect = ({ definition }: Piece): void => {
    visit(definition, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment === undefined || needed.has(name.value)) return;
        needed.set(name.value, fragment);
        collect(fragment);
      },
    });
  };
  collect(operation);
  const nameOfFragment = (piece: Piece): string => (piece.definition as FragmentDefinitionNode).name.value;
  return [...needed.values()].sort((left, right) => (nameOfFragment(left) < nameOfFragment(right) ? -1 : 1));
}
