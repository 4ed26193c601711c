import type { StaffRole } from '@bridgework/schema';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';

/**
 * The clinic's identity provider, played in the sandbox: it signs in made-up people of the fake clinic. It has no HTTP
 * interface; who wants a sign-in runs a command on this machine, beside the key.
 */
export const DEVELOPMENT_ISSUER = 'https://sign-in.development.invalid';
export const DEVELOPMENT_AUDIENCE = 'bridgework';

export interface StaffMember {
  readonly subject: string;
  readonly name: string;
  readonly role: StaffRole;
}

export const CLINIC_STAFF = [
  { subject: 'huda', name: 'Huda Al-Salem', role: 'MANAGER' },
  { subject: 'omar', name: 'Omar Haddad', role: 'MANAGER' },
  { subject: 'rana', name: 'Rana Khoury', role: 'RECEPTION' },
] as const satisfies readonly StaffMember[];

export const [HUDA, OMAR, RANA] = CLINIC_STAFF;

export interface DevelopmentIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The public keys as JSON, for OIDC_JWKS. */
  readonly jwks: string;
  /** A signed sign-in of this person, good for twelve hours unless said otherwise. */
  signIn(person: StaffMember, options?: { readonly expiresInSeconds?: number }): Promise<string>;
}

const LIFETIME_SECONDS = 12 * 3_600;

/** A new private key (ES256) as a JWK, to be kept in a file with mode 0600. */
export async function generateIssuerKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return exportJWK(privateKey);
}

export async function createDevelopmentIssuer(privateJwk: JWK): Promise<DevelopmentIssuer> {
  const { d: _private, ...publicPart } = privateJwk;
  const kid = await calculateJwkThumbprint(publicPart as JWK);
  const key = await importJWK(privateJwk, 'ES256');
  return {
    issuer: DEVELOPMENT_ISSUER,
    audience: DEVELOPMENT_AUDIENCE,
    jwks: JSON.stringify({ keys: [{ ...publicPart, kid, alg: 'ES256', use: 'sig' }] }),
    signIn: ({ subject, name, role }, options = {}) =>
      new SignJWT({ name, role })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setIssuer(DEVELOPMENT_ISSUER)
        .setAudience(DEVELOPMENT_AUDIENCE)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + (options.expiresInSeconds ?? LIFETIME_SECONDS))
        .sign(key),
  };
}
