import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';

/** A mail server that takes what it is given: just enough of SMTP (RFC 5321). */
export interface MailServer {
  readonly url: string;
  readonly mails: readonly { readonly to: readonly string[]; readonly text: string }[];
  /** From now on every mail is refused for the time being. */
  refuse(refusing: boolean): void;
  close(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: { to: readonly string[]; text: string }[] = [];
  const sockets = new Set<Socket>();
  let refusing = false;

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let to: string[] = [];
    let text: string | undefined;
    let rest = '';
    socket.write('220 mail.test\r\n');
    const answer = (line: string): string => {
      if (/^RCPT TO:/i.test(line)) to.push(line.slice(8).replace(/[<>]/g, '').trim());
      if (/^DATA/i.test(line)) {
        text = '';
        return '354 go on';
      }
      if (/^QUIT/i.test(line)) return '221 bye';
      return refusing && /^MAIL/i.test(line) ? '451 not now' : '250 ok';
    };
    socket.on('data', (part) => {
      rest += part.toString('utf8');
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (text === undefined) socket.write(`${answer(line)}\r\n`);
        else if (line !== '.') text += `${line}\n`;
        else {
          // Soft line breaks of quoted-printable (RFC 2045, 6.7) are no part of the text.
          mails.push({ to, text: text.replaceAll('=\n', '') });
          to = [];
          text = undefined;
          socket.write('250 taken\r\n');
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails,
    refuse(now) {
      refusing = now;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
