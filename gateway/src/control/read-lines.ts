import type { Readable } from 'node:stream';

const MAX_LINE_CHARACTERS = 64 * 1024 * 1024;

/** Lines of a stream of newline-delimited JSON, without their ends. Throws when one grows beyond all measure. */
export async function* readLines(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<string>) {
    let rest = chunk;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      parts.push(rest.slice(0, end));
      const line = parts.join('');
      parts = [];
      length = 0;
      rest = rest.slice(end + 1);
      if (line.trim() !== '') yield line;
    }
    parts.push(rest);
    length += rest.length;
    if (length > MAX_LINE_CHARACTERS) throw new Error('A line of the control stream is too long.');
  }
}
