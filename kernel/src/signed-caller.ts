import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { SubgraphName } from '@bridgework/schema';
import type { Caller, SystemCaller } from './context.ts';
import { newId } from './ids.ts';
import type { ProvenHeader, ProvenHeaders } from './signed-caller-memory.ts';

/**
 * The gateway tells a subgraph who is asking by a compact JWS (EdDSA, RFC 7515 and RFC 8037) in one header. Only the
 * gateway holds the private key, so a subgraph believes nobody else, whatever reaches its socket.
 *
 * A query's header names no body and may be reused for its caller and audience until it expires; a subgraph refuses a
 * mutation under it. A mutation's or control request's header is bound to the body's SHA-256 and to a one-time id.
 */
export const CALLER_HEADER = 'bridgework-caller';
/** Names the request in the logs and audit rows of every process it passes through. */
export const REQUEST_ID_HEADER = 'bridgework-request-id';
export const CALLER_LIFETIME_SECONDS = 30;

/** What a header permits. */
export type CallerUse = 'query' | 'mutation' | 'control';

export type SignedCaller = Exclude<Caller, SystemCaller>;

export interface CallerClaims {
  readonly iss: 'bridgework-gateway';
  readonly aud: SubgraphName;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly use: CallerUse;
  readonly caller: SignedCaller;
  /** The control generation by which the gateway decided; a revocation raises it. */
  readonly generation: number;
  /** base64url SHA-256 of the request body; absent exactly for queries. */
  readonly body?: string;
}

export interface CallerSigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

/** Why a header was refused; goes to the audit log, not to the caller. */
export type CallerRefusal =
  | 'missing'
  | 'malformed'
  | 'unknown-key'
  | 'bad-signature'
  | 'wrong-audience'
  | 'expired'
  | 'issued-in-future'
  | 'lifetime-too-long'
  | 'body-mismatch'
  | 'use-mismatch'
  | 'replayed'
  | 'issued-before-start';

export type CallerVerdict =
  | { readonly kind: 'accepted'; readonly claims: CallerClaims }
  | { readonly kind: 'refused'; readonly reason: CallerRefusal };

export interface SignCallerInput {
  readonly audience: SubgraphName;
  readonly use: CallerUse;
  readonly caller: SignedCaller;
  readonly generation: number;
  /** The exact bytes that will be sent; required unless `use` is 'query'. */
  readonly body?: string | Uint8Array;
  readonly now: Date;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export const hashBody = (body: string | Uint8Array): string => createHash('sha256').update(body).digest('base64url');

/** A header value good for {@link CALLER_LIFETIME_SECONDS} from `now`. */
export function signCaller(key: CallerSigningKey, input: SignCallerInput): string {
  const issuedAt = Math.floor(input.now.getTime() / 1000);
  const claims: CallerClaims = {
    iss: 'bridgework-gateway',
    aud: input.audience,
    iat: issuedAt,
    exp: issuedAt + CALLER_LIFETIME_SECONDS,
    jti: newId('req'),
    use: input.use,
    caller: input.caller,
    generation: input.generation,
    ...(input.use === 'query' ? {} : { body: hashBody(input.body ?? '') }),
  };
  const text = `${encode({ alg: 'EdDSA', typ: 'bridgework-caller+jwt', kid: key.keyId })}.${encode(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`;
}

export interface VerifyCallerOptions {
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly audience: SubgraphName;
  /** When this process began: a one-time header issued before may have been used on its predecessor. */
  readonly startedAt: Date;
  readonly now: Date;
  /** Remembers one-time ids until they expire; see {@link createReplayGuard}. */
  readonly seen: ReplayGuard;
  /** Spares the signatures of queries' headers that come again; without it each is verified anew. */
  readonly proven?: ProvenHeaders<CallerClaims>;
}

/**
 * Judges a header against the request that carries it. `use` is what the request *is*: a mutation needs a header for a
 * mutation, bound to these bytes and never seen before; a query is also content with a query's header only.
 */
export function verifyCaller(
  header: string | undefined,
  request: { readonly use: CallerUse; readonly body: string | Uint8Array },
  options: VerifyCallerOptions,
): CallerVerdict {
  const refused = (reason: CallerRefusal): CallerVerdict => ({ kind: 'refused', reason });
  if (header === undefined || header === '') return refused('missing');
  const known = options.proven?.find(header);
  const isKnown = known !== undefined && options.publicKeys.get(known.keyId) === known.publicKey;
  const proven = isKnown ? known : prove(header, options.publicKeys);
  if (typeof proven === 'string') return refused(proven);
  const { claims } = proven;
  if (claims.iss !== 'bridgework-gateway') return refused('malformed');
  if (claims.aud !== options.audience) return refused('wrong-audience');
  const seconds = options.now.getTime() / 1000;
  if (claims.exp <= seconds) return refused('expired');
  if (claims.iat > seconds + 5) return refused('issued-in-future');
  if (claims.exp - claims.iat > CALLER_LIFETIME_SECONDS) return refused('lifetime-too-long');
  if (claims.use !== request.use) return refused('use-mismatch');
  if (claims.use !== 'query') {
    if (claims.body !== hashBody(request.body)) return refused('body-mismatch');
    if (claims.iat < Math.floor(options.startedAt.getTime() / 1000)) return refused('issued-before-start');
    if (!options.seen.first(claims.jti, claims.exp, seconds)) return refused('replayed');
  }
  if (!isKnown) options.proven?.keep(header, proven, seconds);
  return { kind: 'accepted', claims };
}

/** What the header says, once its signature is found to be of a key we trust. */
function prove(header: string, publicKeys: ReadonlyMap<string, KeyObject>): ProvenHeader<CallerClaims> | CallerRefusal {
  const [head, payload, signature, ...rest] = header.split('.');
  if (head === undefined || payload === undefined || signature === undefined || rest.length > 0) return 'malformed';
  const protectedHeader = parse(head);
  if (protectedHeader?.alg !== 'EdDSA' || protectedHeader.typ !== 'bridgework-caller+jwt') return 'malformed';
  const keyId = String(protectedHeader.kid);
  const publicKey = publicKeys.get(keyId);
  if (publicKey === undefined) return 'unknown-key';
  if (!verify(null, Buffer.from(`${head}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))) {
    return 'bad-signature';
  }
  // Signed by our gateway, hence of the type it writes.
  const claims = parse(payload) as CallerClaims | undefined;
  return claims === undefined ? 'malformed' : { keyId, publicKey, claims };
}

/** Remembers one-time ids for as long as a header that bears them could still be accepted. */
export interface ReplayGuard {
  /** True the first time this id is met. */
  first(jti: string, expiresAtSeconds: number, nowSeconds: number): boolean;
}

export function createReplayGuard(): ReplayGuard {
  const expiries = new Map<string, number>();
  return {
    first(jti, expiresAtSeconds, nowSeconds) {
      // Insertion order is close to expiry order: all headers live equally long.
      for (const [id, expiry] of expiries) {
        if (expiry > nowSeconds) break;
        expiries.delete(id);
      }
      if (expiries.has(jti)) return false;
      expiries.set(jti, expiresAtSeconds);
      return true;
    },
  };
}

/** Keys travel in settings as `<key id>:<base64 of PKCS#8 or SPKI DER>`. Throws when the text is not of that form. */
export function readSigningKey(setting: string): CallerSigningKey {
  const [keyId, der] = splitKey(setting);
  return { keyId, privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
}

/** Several public keys, separated by commas, so that a key can be rotated. */
export function readPublicKeys(setting: string): ReadonlyMap<string, KeyObject> {
  return new Map(
    setting.split(',').map((one) => {
      const [keyId, der] = splitKey(one);
      return [keyId, createPublicKey({ key: der, format: 'der', type: 'spki' })];
    }),
  );
}

function splitKey(setting: string): [keyId: string, der: Buffer] {
  const colon = setting.indexOf(':');
  if (colon < 1) throw new Error('A key setting has the form <key id>:<base64 DER>.');
  return [setting.slice(0, colon), Buffer.from(setting.slice(colon + 1), 'base64')];
}

function parse(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
