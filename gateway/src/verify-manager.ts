import { createHash } from 'node:crypto';
import type { GatewayConfig } from '@bridgework/kernel/config';
import type { UserCaller } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { STAFF_ROLES, type StaffRole, scopesOfRole } from '@bridgework/schema';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';

/** Closed: a key set that lists another algorithm does not widen it. */
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256'];
const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 1000;

export type VerifyManager = (jwt: string) => Promise<UserCaller>;

interface Remembered {
  readonly caller: UserCaller;
  readonly until: number;
}

type ManagerConfig = Pick<GatewayConfig, 'OIDC_ISSUER' | 'OIDC_AUDIENCE' | 'OIDC_JWKS' | 'ROLE_CLAIM'>;

/**
 * Verifies the sign-in of a person of the clinic: an OIDC token of our issuer for our audience, with a role of the
 * clinic's. Throws INVALID_TOKEN, FORBIDDEN (signed in, but without a role here) or TEMPORARILY_UNAVAILABLE (the
 * issuer's keys cannot be fetched). A verified token is remembered for half a minute at most.
 */
export function createVerifyManager(config: ManagerConfig, now: () => Date): VerifyManager {
  const keys = readKeys(config.OIDC_JWKS);
  const remembered = new Map<string, Remembered>();
  return async (jwt) => {
    const key = createHash('sha256').update(jwt).digest('base64url');
    const known = remembered.get(key);
    if (known !== undefined && known.until > now().getTime()) return known.caller;
    const payload = await verify(jwt, keys, config, now());
    const caller = toCaller(payload, config);
    const until = Math.min(now().getTime() + REMEMBERED_MS, (payload.exp ?? 0) * 1000);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, { caller, until });
    return caller;
  };
}

function readKeys(setting: string): JWTVerifyGetKey {
  return setting.trimStart().startsWith('{')
    ? createLocalJWKSet(JSON.parse(setting))
    : createRemoteJWKSet(new URL(setting), { timeoutDuration: 2000, cooldownDuration: 5000 });
}

async function verify(jwt: string, keys: JWTVerifyGetKey, config: ManagerConfig, now: Date): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(jwt, keys, {
      issuer: config.OIDC_ISSUER,
      audience: config.OIDC_AUDIENCE,
      algorithms: ALGORITHMS,
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: 5,
      currentDate: now,
    });
    return payload;
  } catch (error) {
    if (isKeysUnreachable(error))
      throw new DomainError('TEMPORARILY_UNAVAILABLE', { cause: error, retryAfterSeconds: 2 });
    throw new DomainError('INVALID_TOKEN', { cause: error });
  }
}

/** jose wraps what is wrong with the token in its own classes; what remains is the way to the issuer. */
const isKeysUnreachable = (error: unknown): boolean =>
  error instanceof errors.JWKSTimeout ||
  !(error instanceof errors.JOSEError) ||
  (error.code === 'ERR_JOSE_GENERIC' && error.constructor === errors.JOSEError);

function toCaller(payload: JWTPayload, config: ManagerConfig): UserCaller {
  const role = roleOf(payload[config.ROLE_CLAIM]);
  if (role === undefined)
    throw new DomainError('FORBIDDEN', { detail: 'Your sign-in carries no role of this clinic.' });
  const subject = payload.sub ?? '';
  return {
    kind: 'user',
    issuer: config.OIDC_ISSUER,
    subject,
    name: typeof payload.name === 'string' ? payload.name : subject,
    role,
    scopes: scopesOfRole(role),
  };
}

/** The claim is one role or a list; of several the first in the clinic's own order counts. */
function roleOf(claim: unknown): StaffRole | undefined {
  const given = Array.isArray(claim) ? claim : [claim];
  return STAFF_ROLES.find((role) => given.includes(role));
}
