import type { Path } from '../shape/complete.ts';

type Tree = Record<string, unknown>;

/** A place in the data: keys, and `@` for each item of a list. */
export type FlatPath = readonly string[];

/** The objects that stand at a path, in the order of the answer; holes are left out. */
export function locate(data: Tree, path: FlatPath): Tree[] {
  const found: Tree[] = [];
  walk(data, path, 0, found);
  return found;
}

function walk(value: unknown, path: FlatPath, at: number, found: Tree[]): void {
  if (typeof value !== 'object' || value === null) return;
  const step = path[at];
  if (Array.isArray(value)) {
    if (step === '@') for (const item of value) walk(item, path, at + 1, found);
    return;
  }
  if (step === undefined) found.push(value as Tree);
  else if (step !== '@' && Object.hasOwn(value, step)) walk((value as Tree)[step], path, at + 1, found);
}

/** Where the objects of {@link locate} stand, in the same order. For errors, so not in the way of every request. */
export function locatePaths(data: Tree, path: FlatPath): Path[] {
  const found: Path[] = [];
  walkPaths(data, path, 0, [], found);
  return found;
}

function walkPaths(value: unknown, path: FlatPath, at: number, here: Path, found: Path[]): void {
  if (typeof value !== 'object' || value === null) return;
  const step = path[at];
  if (Array.isArray(value)) {
    if (step !== '@') return;
    for (const [index, item] of value.entries()) walkPaths(item, path, at + 1, [...here, index], found);
    return;
  }
  if (step === undefined) found.push(here);
  else if (step !== '@' && Object.hasOwn(value, step)) {
    walkPaths((value as Tree)[step], path, at + 1, [...here, step], found);
  }
}
