import type { IncomingMessage } from 'node:http';
import {
  CALLER_HEADER,
  type CallerRefusal,
  type CallerUse,
  type CallerVerdict,
  type VerifyCallerOptions,
  verifyCaller,
} from '@bridgework/kernel/signed-caller';

export type RequestVerdict = CallerVerdict;
export type Verifier = (request: IncomingMessage, body: string, use: CallerUse | 'as-claimed') => RequestVerdict;

type Options = Omit<VerifyCallerOptions, 'now'>;

export const refused = (reason: CallerRefusal): RequestVerdict => ({ kind: 'refused', reason });

/**
 * Judges the caller header. `as-claimed` believes the header about its use, query or mutation, so that no text of an
 * unproven caller is parsed; whoever asks so must then hold the document against `claims.use`.
 */
export function createVerifier(options: Options, now: () => Date): Verifier {
  return (request, body, use) => {
    const header = request.headers[CALLER_HEADER];
    if (Array.isArray(header)) return refused('malformed');
    const expected = use === 'as-claimed' ? claimedUse(header, options) : use;
    return verifyCaller(header, { use: expected, body }, { ...options, now: now() });
  };
}

/** Unverified; anything but `mutation` is judged as a query, so a control header does not fit. */
function claimedUse(header: string | undefined, { proven }: Options): 'query' | 'mutation' {
  if (header !== undefined && proven?.find(header) !== undefined) return 'query';
  try {
    const claims: unknown = JSON.parse(Buffer.from(header?.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'use' in claims && claims.use === 'mutation'
      ? 'mutation'
      : 'query';
  } catch {
    return 'query';
  }
}
