import { createHash } from 'node:crypto';
import type { UserCaller } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { matchesTokenHash, parseIntegrationToken, type TokenPeppers } from '@bridgework/kernel/integration-token';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { Environment } from '@bridgework/schema';
import type { Generation, KnownToken } from './control/generation.ts';
import { isAdmitted } from './control/networks.ts';
import type { ReportSpool } from './control/spool.ts';

/** Who is asking, and for a partner under which rules of its integration. */
export interface Identity {
  readonly caller: SignedCaller;
  /** The partner may send query text (sandbox only). */
  readonly adHoc: boolean;
}

export interface Credentials {
  readonly requestId: string;
  readonly authorization: string | undefined;
  /** The client's address, seen through TRUSTED_PROXIES. */
  readonly address: string;
}

export interface AuthenticateOptions {
  readonly environment: Environment;
  readonly peppers: TokenPeppers;
  readonly verifyManager: (jwt: string) => Promise<UserCaller>;
  readonly spool: Pick<ReportSpool, 'refusedToken'>;
  readonly now: () => Date;
}

export type Authenticate = (credentials: Credentials, generation: Generation) => Promise<Identity>;

const SCHEME = /^Bearer +./i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;
const NO_HASH = { secretHash: createHash('sha256').update('nobody').digest('hex') };

/**
 * The one place where a request gets an identity. Unknown, revoked and expired tokens and those from a foreign address
 * get the same answer; what was wrong is told to the audit log alone.
 */
export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const proven = createProvenTokens();
  return async (credentials, generation) => {
    const token = bearerOf(options, credentials);
    const earlier = proven.find(generation, token);
    if (earlier !== undefined) return { caller: earlier.caller, adHoc: admitKnown(options, credentials, earlier) };
    const parsed = parseIntegrationToken(token);
    if (parsed === undefined) {
      if (token.split('.').length !== 3)
        return refuseUnknown(options, credentials, 'INVALID_TOKEN', 'no token of ours');
      return authenticateManager(options, credentials, token);
    }
    if (parsed.environment !== options.environment) {
      const message = `a ${parsed.environment} token (${parsed.publicId}) was used in ${options.environment}`;
      return refuseUnknown(options, credentials, 'WRONG_ENVIRONMENT', message);
    }
    const known = generation.tokens.get(parsed.publicId);
    const pepperId = known?.pepperId ?? options.peppers.current;
    const isGenuine = matchesTokenHash(parsed.text, { ...NO_HASH, ...known, pepperId }, options.peppers);
    if (known === undefined || !isGenuine) return refuseUnknown(options, credentials, 'INVALID_TOKEN', 'unknown token');
    proven.remember(generation, token, known);
    return { caller: known.caller, adHoc: admitKnown(options, credentials, known) };
  };
}

const MAX_PROVEN = 5000;

/**
 * Tokens that were proven genuine, for as long as the generation they were proven by: its successor, which a revocation
 * brings, begins anew. Whether a genuine token may be used now, and from here, is judged at every request all the same.
 */
function createProvenTokens() {
  let current: Generation | undefined;
  let tokens = new Map<string, KnownToken>();
  const of = (generation: Generation): Map<string, KnownToken> => {
    if (generation !== current || tokens.size > MAX_PROVEN) {
      current = generation;
      tokens = new Map();
    }
    return tokens;
  };
  return {
    find: (generation: Generation, token: string) => of(generation).get(token),
    remember(generation: Generation, token: string, known: KnownToken) {
      of(generation).set(token, known);
    },
  };
}

function bearerOf(options: AuthenticateOptions, credentials: Credentials): string {
  const { authorization = '' } = credentials;
  if (!SCHEME.test(authorization)) return refuseUnknown(options, credentials, 'MISSING_TOKEN', 'no bearer token');
  const token = BEARER.exec(authorization)?.[1];
  return token ?? refuseUnknown(options, credentials, 'INVALID_TOKEN', 'no token can look like this');
}

/** Judges a genuine token by its own state and its integration's; answers whether it may send query text. */
function admitKnown(options: AuthenticateOptions, credentials: Credentials, known: KnownToken): boolean {
  const { integration } = known;
  const flaw = flawOf(known, credentials.address, options.now());
  if (flaw !== undefined) throw refuse(options, credentials, known, 'INVALID_TOKEN', flaw);
  if (integration === undefined) throw refuse(options, credentials, known, 'INVALID_TOKEN', 'its integration is gone');
  if (integration.status !== 'ACTIVE') {
    const message = `the integration is ${integration.status.toLowerCase()}`;
    throw refuse(options, credentials, known, 'INTEGRATION_PAUSED', message);
  }
  if (integration.review_overdue) throw refuse(options, credentials, known, 'REVIEW_OVERDUE', 'its review is overdue');
  return integration.ad_hoc && options.environment === 'sandbox';
}

function flawOf(known: KnownToken, address: string, now: Date): string | undefined {
  if (known.status === 'REVOKED') return 'the token was revoked';
  if (known.expiresAt !== null && known.expiresAt <= now.getTime()) return 'the token has expired';
  if (!isAdmitted(address, known.networks)) return `the token may not be used from ${address}`;
  return undefined;
}

async function authenticateManager(
  options: AuthenticateOptions,
  credentials: Credentials,
  jwt: string,
): Promise<Identity> {
  try {
    return { caller: await options.verifyManager(jwt), adHoc: true };
  } catch (error) {
    if (error instanceof DomainError && error.code === 'INVALID_TOKEN') {
      return refuseUnknown(options, credentials, 'INVALID_TOKEN', 'a sign-in that is not valid here');
    }
    throw error;
  }
}

function refuse(
  options: AuthenticateOptions,
  { requestId }: Credentials,
  { caller, publicId }: KnownToken,
  code: 'INVALID_TOKEN' | 'INTEGRATION_PAUSED' | 'REVIEW_OVERDUE',
  message: string,
): DomainError {
  options.spool.refusedToken({ requestId, code, message, from: { kind: 'token', caller, publicId } });
  return new DomainError(code);
}

function refuseUnknown(
  options: AuthenticateOptions,
  { requestId, address }: Credentials,
  code: 'MISSING_TOKEN' | 'INVALID_TOKEN' | 'WRONG_ENVIRONMENT',
  message: string,
): never {
  options.spool.refusedToken({ requestId, code, message, from: { kind: 'source', address } });
  throw new DomainError(code);
}
