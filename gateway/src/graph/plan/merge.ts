type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sets a key as data, whatever it is called: an alias may be `__proto__`. */
export function setKey(target: Tree, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}

/** Puts what a fetch brought into the data there are: objects are joined key by key, lists of one length item by item. */
export function mergeInto(target: Tree, source: Tree): void {
  for (const key of Object.keys(source)) {
    const value = source[key];
    const present = Object.hasOwn(target, key) ? target[key] : undefined;
    if (value === undefined || present === value) continue;
    if (isTree(value) && isTree(present)) mergeInto(present, value);
    else if (Array.isArray(value) && Array.isArray(present) && value.length === present.length) {
      mergeLists(present, value);
    } else setKey(target, key, value);
  }
}

function mergeLists(target: unknown[], source: readonly unknown[]): void {
  for (let index = 0; index < source.length; index += 1) {
    const [present, value] = [target[index], source[index]];
    if (isTree(present) && isTree(value)) mergeInto(present, value);
    else if (Array.isArray(present) && Array.isArray(value) && present.length === value.length)
      mergeLists(present, value);
    else target[index] = value;
  }
}
