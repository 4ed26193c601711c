/** Text of this length in base64's alphabet alone is no name and no note. Longer than a SHA-512 in hex. */
const ENCODED = /[A-Za-z0-9+/_-]{160,}={0,2}/;

/**
 * Places that hold bytes of an image: a `data:` address, or a run of base64. JSON Pointers of the fields; a note's place
 * ends above its name, which is the partner's own.
 */
export function findBytes(value: unknown, pointer = ''): string[] {
  if (typeof value === 'string') return /^\s*data:/i.test(value) || ENCODED.test(value) ? [pointer] : [];
  if (typeof value !== 'object' || value === null || value instanceof Date) return [];
  return Object.entries(value).flatMap(([name, part]) => findBytes(part, `${pointer}/${name}`));
}
