const SHORT = 48;

/** A string as JSON. Short ones, which most are, are looked through here: calling out costs more than the look. */
export function quote(text: string): string {
  const { length } = text;
  if (length > SHORT) return JSON.stringify(text);
  for (let at = 0; at < length; at += 1) {
    const code = text.charCodeAt(at);
    // Control characters, quote, backslash; lone surrogates, which JSON.stringify escapes.
    if (code < 32 || code === 34 || code === 92 || (code >= 0xd800 && code <= 0xdfff)) return JSON.stringify(text);
  }
  return `"${text}"`;
}
