import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';

/** A host that nobody may ever come to, under a public name. */
export interface Canary {
  readonly host: string;
  readonly port: number;
  /** How often anything in this process asked where the host is, or connected to it. */
  visits(): { readonly asked: number; readonly connected: number };
  close(): void;
}

type Callback = (error: Error | null, ...found: unknown[]) => void;

/**
 * Makes `host` lead to a listener of this process, whichever function of `node:dns` is asked, so that whoever fetches from
 * it arrives. A name that led nowhere would prove nothing.
 */
export async function startCanary(host: string): Promise<Canary> {
  let asked = 0;
  let connected = 0;
  const server = createServer((socket) => {
    connected += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const { lookup, resolve, resolve4 } = dns;
  const { lookup: lookupLater, resolve: resolveLater, resolve4: resolve4Later } = dns.promises;
  const here = { address: '127.0.0.1', family: 4 };
  const answerLater =
    (original: (...given: never[]) => unknown, found: unknown) =>
    (name: string, ...given: unknown[]) => {
      if (name !== host) return Reflect.apply(original, dns.promises, [name, ...given]);
      asked += 1;
      return Promise.resolve((given[0] as { all?: boolean } | undefined)?.all === true ? [found].flat() : found);
    };
  const answer =
    (original: (...given: never[]) => unknown) =>
    (name: string, ...given: unknown[]) => {
      if (name !== host) return Reflect.apply(original, dns, [name, ...given]);
      asked += 1;
      const callback = given.at(-1) as Callback;
      const isLookup = original === lookup;
      const all = !isLookup || (given[0] as { all?: boolean }).all === true;
      const found = all ? [[isLookup ? here : here.address]] : [here.address, here.family];
      setImmediate(() => callback(null, ...found));
      return {};
    };
  const replace = (callbacks: object, promises: object) => {
    Object.assign(dns, callbacks);
    Object.assign(dns.promises, promises);
    syncBuiltinESMExports();
  };
  replace(
    { lookup: answer(lookup), resolve: answer(resolve), resolve4: answer(resolve4) },
    {
      lookup: answerLater(lookupLater, here),
      resolve: answerLater(resolveLater, [here.address]),
      resolve4: answerLater(resolve4Later, [here.address]),
    },
  );
  return {
    host,
    port: (server.address() as { port: number }).port,
    visits: () => ({ asked, connected }),
    close() {
      replace({ lookup, resolve, resolve4 }, { lookup: lookupLater, resolve: resolveLater, resolve4: resolve4Later });
      server.close();
    },
  };
}
