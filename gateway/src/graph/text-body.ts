/** A body as text and as bytes. Either is made of the other when it is first asked for, and once. */
export class TextBody {
  #text: string | undefined;
  #bytes: Buffer | undefined;

  private constructor(text: string | undefined, bytes: Buffer | undefined) {
    this.#text = text;
    this.#bytes = bytes;
  }

  static ofText = (text: string): TextBody => new TextBody(text, undefined);
  static ofBytes = (bytes: Buffer): TextBody => new TextBody(undefined, bytes);

  get text(): string {
    this.#text ??= this.#bytes?.toString('utf8') ?? '';
    return this.#text;
  }

  /** UTF-8. */
  get bytes(): Buffer {
    this.#bytes ??= encode(this.#text ?? '');
    return this.#bytes;
  }
}

/** A UTF-16 unit is at most three bytes. */
const BYTES_PER_UNIT = 3;
const MAX_SCRATCH_BYTES = 1024 * 1024;
let scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** In one pass over the text: `Buffer.from` measures it first, which takes as long again. */
function encode(text: string): Buffer {
  const most = text.length * BYTES_PER_UNIT;
  if (most > MAX_SCRATCH_BYTES) return Buffer.from(text);
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  return Buffer.from(scratch.subarray(0, scratch.write(text)));
}
