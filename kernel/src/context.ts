import type { Environment, Scope, StaffRole } from '@bridgework/schema';
import type { Db } from './database.ts';
import type { Id } from './ids.ts';
import type { Logger } from './logger.ts';

/** Who is asking. Closed: whoever adds a kind meets every place that decides by it. */
export type Caller = IntegrationCaller | UserCaller | GatewayCaller | SystemCaller;

/** A partner's token. */
export interface IntegrationCaller {
  readonly kind: 'integration';
  readonly integrationId: Id<'int'>;
  readonly tokenId: Id<'tok'>;
  readonly scopes: readonly Scope[];
  readonly environment: Environment;
}

/** A person of the clinic, signed in with its identity provider. */
export interface UserCaller {
  readonly kind: 'user';
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly role: StaffRole;
  /** What the role may read; never a write scope. */
  readonly scopes: readonly Scope[];
}

/** The gateway itself, on the control stream. */
export interface GatewayCaller {
  readonly kind: 'gateway';
  readonly gatewayId: string;
}

/** A job of ours. */
export interface SystemCaller {
  readonly kind: 'system';
  readonly job: string;
}

/** The only thing a domain function receives, whoever calls it. */
export interface Context {
  readonly db: Db;
  readonly caller: Caller;
  readonly now: () => Date;
  readonly log: Logger;
  readonly requestId: string;
}

/** How audit rows, logs and approvals name a caller: `token tok_…`, `user <issuer>#<subject>`, `system outbox.dispatch`. */
export function actorOf(caller: Caller): string {
  switch (caller.kind) {
    case 'integration':
      return `token ${caller.tokenId}`;
    case 'user':
      return `user ${caller.issuer}#${caller.subject}`;
    case 'gateway':
      return `gateway ${caller.gatewayId}`;
    case 'system':
      return `system ${caller.job}`;
  }
}
