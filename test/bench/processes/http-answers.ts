import { createServer, type Server, type Socket } from 'node:net';

type Answer = (body: string) => string | Promise<string>;

/**
 * As little HTTP as two gateways need of a server that both meet alike: bodies with a length, kept connections. It costs
 * a few microseconds per call, so that what is measured is the gateway.
 */
export function serveAnswers(answer: Answer): Server {
  return createServer({ noDelay: true }, (socket) => {
    let pending: Buffer | undefined;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      pending = take(socket, pending === undefined ? chunk : Buffer.concat([pending, chunk]), answer);
    });
  });
}

/** Answers every whole request in the bytes; what is left of them comes back. */
function take(socket: Socket, bytes: Buffer, answer: Answer): Buffer | undefined {
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return rest;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(rest.toString('latin1', 0, end))?.[1] ?? 0);
    const whole = end + 4 + length;
    if (rest.length < whole) return rest;
    const text = answer(rest.toString('utf8', end + 4, whole));
    if (typeof text === 'string') send(socket, text);
    else
      text.then(
        (late) => send(socket, late),
        () => socket.destroy(),
      );
    if (rest.length === whole) return undefined;
    rest = rest.subarray(whole);
  }
}

function send(socket: Socket, text: string): void {
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
