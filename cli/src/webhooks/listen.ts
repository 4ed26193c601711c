import { defineCommand, type Terminal } from '../command.ts';
import { PlainError } from '../plain-error.ts';
import { type ReceivedWebhook, receiveWebhooks } from './receive-webhooks.ts';

const DEFAULT_PORT = 9000;

export const listen = defineCommand({
  name: 'listen',
  summary: 'receives webhooks on this machine, verifies them and shows them',
  usage: '[--port <port>] [--secret <whsec_…>]… [--json]',
  help: `Starts a receiver on 127.0.0.1. Whatever comes is verified as docs/webhooks.md says (Standard Webhooks headers) and shown
with its verdict; what is right is answered 204, what is not 401. A challenge is
answered 204 in any case: an endpoint shows its secret only once it exists.

  --port     where to listen; 9000 by default, 0 takes any free port
  --secret   a secret to verify with, as the endpoint showed it once; may be given several times, for a rotation
  --json     one JSON object a line, for other programs

The sandbox sends to a receiver of your own once it is started with EGRESS_ALLOW=http://127.0.0.1:<port>. Ends with Ctrl-C.`,
  options: {
    port: { type: 'string', default: String(DEFAULT_PORT) },
    secret: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
  positionals: 0,
  async run({ values }, terminal) {
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new PlainError(`${values.port} is no port.`);
    const wrong = values.secret.find((secret) => !/^whsec_[A-Za-z0-9+/]+=*$/.test(secret));
    if (wrong !== undefined) throw new PlainError('A secret begins with whsec_ and goes on in base64.');
    const receiver = await receiveWebhooks(port, values.secret, (webhook) =>
      show(terminal, webhook, values.json),
    ).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      throw new PlainError(`Port ${port} is taken by another program; choose one with --port.`);
    });
    terminal.say(`Listening on ${receiver.origin}/`);
    terminal.say(
      `A sandbox sends here when it is started with EGRESS_ALLOW=${receiver.origin}; give your endpoint this URL.`,
    );
    if (values.secret.length === 0) terminal.say('Without --secret nothing can be verified but that it came.');
    await untilAborted(terminal.signal);
    await receiver.close();
    return 0;
  },
});

function show({ out }: Terminal, webhook: ReceivedWebhook, asJson: boolean): void {
  if (asJson) {
    out(JSON.stringify(webhook));
    return;
  }
  const verdict = webhook.verified ? 'verified' : 'NOT VERIFIED';
  out(`${webhook.receivedAt}  ${webhook.eventType}  ${webhook.eventId}  ${verdict}`);
  out(indented(webhook.body));
}

/** What came, line by line; as it is when it is no JSON. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2).replaceAll(/^/gm, '  ');
  } catch {
    return `  ${body}`;
  }
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
