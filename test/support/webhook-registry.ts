import type { Context } from '@bridgework/kernel/context';
import { openDatabase } from '@bridgework/kernel/database';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { type Environment, SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { expect } from 'vitest';
import { rememberSecrets } from '../../subgraphs/integration/src/secrets.ts';
import { SECRETS_KEY, type WebhookClinic } from './webhook-clinic.ts';

/** Who asks something of the registry of a webhook clinic, under the registry's own role. */
export interface WebhookRegistry {
  manager(subject?: string): Context;
  partner(integrationId: string, scopes?: readonly Scope[]): Context;
  close(): Promise<void>;
}

export function openWebhookRegistry(clinic: WebhookClinic, environment: Environment = 'sandbox'): WebhookRegistry {
  const database = openDatabase({ url: clinic.urlFor('bridgework_integration'), applicationName: 'test' });
  rememberSecrets(database.db, {
    environment,
    registrySigningKey: '',
    secretsKey: SECRETS_KEY,
    tokenPepper: '',
    singleManager: false,
  });
  const contextOf = (caller: Context['caller']): Context => ({
    db: database.db,
    caller,
    now: () => new Date(),
    log: createLogger('test', { level: 'silent' }),
    requestId: newId('req'),
  });
  return {
    manager: (subject = 'amal') =>
      contextOf({ kind: 'user', issuer: 'https://idp', subject, name: subject, role: 'MANAGER', scopes: [] }),
    partner: (integrationId, scopes = SCOPE_NAMES) =>
      contextOf({
        kind: 'integration',
        integrationId: integrationId as `int_${string}`,
        tokenId: newId('tok'),
        scopes,
        environment,
      }),
    close: () => database.close(),
  };
}

/** For `rejects.toEqual`. */
export const refusedWith = (code: ErrorCode) =>
  expect.toSatisfy((error: unknown) => error instanceof DomainError && error.code === code, `is refused with ${code}`);
