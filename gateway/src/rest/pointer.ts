export type PointerPath = readonly (string | number)[];

/** What a contract's field may be called. A key of another form may hold anything, a patient's name included. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/**
 * RFC 6901 pointer to a place in the request. It ends before the first key that does not look like a field of ours, since
 * a problem never echoes what may be personal data.
 */
export function safePointer(path: PointerPath): string {
  const shown: string[] = [];
  for (const step of path) {
    if (typeof step === 'string' && !FIELD_NAME.test(step)) break;
    shown.push(`/${step}`);
  }
  return shown.join('');
}
