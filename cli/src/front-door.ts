import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandLineConfig } from '@bridgework/kernel/config';
import { z } from 'zod';
import { PlainError } from './plain-error.ts';

/** The gateway, as one signed-in manager uses it. */
export interface FrontDoor {
  readonly origin: string;
  readonly signIn: string;
  /** The sandbox's first example partner; undefined anywhere else. */
  readonly examplePartner: string | undefined;
}

const Credentials = z.object({
  gateway_url: z.string(),
  managers: z.array(z.object({ name: z.string(), jwt: z.string() })).min(1),
  partners: z.array(z.object({ integration_id: z.string() })),
});

/**
 * Where the gateway is and who asks: by options, else by settings, else by the sandbox's credentials file. `manager` picks
 * one of the sandbox's managers by (a part of) the name; by default the first.
 */
export function openFrontDoor(
  config: CommandLineConfig,
  given: { readonly url?: string | undefined; readonly manager?: string | undefined },
): FrontDoor {
  const url = given.url ?? config.BRIDGEWORK_URL;
  const signIn = config.BRIDGEWORK_SIGN_IN;
  if (url !== undefined && !URL.canParse(url))
    throw new PlainError(`${url} is no URL; it looks like http://127.0.0.1:4000.`);
  if (url !== undefined && signIn !== undefined) {
    return { origin: new URL(url).origin, signIn, examplePartner: undefined };
  }
  const file = join(config.DATA_DIR, 'sandbox-credentials.json');
  const credentials = readCredentials(file);
  if (credentials === undefined) {
    throw new PlainError(
      `There are no credentials in ${file}. Start the sandbox (npm start), or name a gateway and a manager's sign-in by BRIDGEWORK_URL and BRIDGEWORK_SIGN_IN.`,
    );
  }
  const wanted = given.manager?.toLowerCase() ?? '';
  const manager = credentials.managers.find(({ name }) => name.toLowerCase().includes(wanted));
  if (manager === undefined) {
    const names = credentials.managers.map(({ name }) => name).join(' and ');
    throw new PlainError(`No manager of the sandbox is called ${given.manager}; there are ${names}.`);
  }
  return {
    origin: new URL(url ?? credentials.gateway_url).origin,
    signIn: signIn ?? manager.jwt,
    examplePartner: url === undefined ? credentials.partners[0]?.integration_id : undefined,
  };
}

function readCredentials(file: string): z.infer<typeof Credentials> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return Credentials.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new PlainError(`${file} is not what npm start writes. npm run credentials writes it anew.`, { cause: error });
  }
}

/** What is wrong with a part of what was sent. */
export interface Fault {
  readonly pointer: string;
  readonly detail: string;
}

/** The graph refused. */
export class RefusedError extends PlainError {
  readonly code: string;
  readonly faults: readonly Fault[];

  constructor(sentence: string, code: string, faults: readonly Fault[]) {
    super(sentence);
    this.name = 'RefusedError';
    this.code = code;
    this.faults = faults;
  }
}

const DEADLINE_MS = 30_000;

/** What the graph answers to a manager's query text. Throws a RefusedError, or a PlainError when nobody answers. */
export async function ask<Data>(
  { origin, signIn }: FrontDoor,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Data> {
  const response = await send(origin, signIn, JSON.stringify({ query, variables }), signal);
  const answer = Answer.safeParse(await response.json().catch(() => undefined));
  if (response.status === 401) {
    throw new PlainError('The sign-in is not (or no longer) good. In the sandbox, npm run credentials renews it.');
  }
  if (!answer.success)
    throw new PlainError(`${origin}/graphql answered ${response.status}, but not as Bridgework does.`);
  const [first] = answer.data.errors ?? [];
  if (first === undefined) return answer.data.data as Data;
  const { code = 'INTERNAL', errors = [], requestId } = first.extensions ?? {};
  const name = requestId === undefined ? code : `${code}, ${requestId}`;
  throw new RefusedError(`${first.message} (${name})`, code, errors);
}

const Answer = z.object({
  data: z.unknown(),
  errors: z
    .array(
      z.object({
        message: z.string(),
        extensions: z
          .looseObject({
            code: z.string().optional(),
            requestId: z.string().optional(),
            errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
          })
          .optional(),
      }),
    )
    .optional(),
});

async function send(origin: string, signIn: string, body: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${signIn}` },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
  } catch (error) {
    if (signal.aborted) throw new PlainError('Stopped.', { cause: error });
    throw new PlainError(`Nobody answers at ${origin}. Is it running? (The sandbox: npm start.)`, { cause: error });
  }
}
