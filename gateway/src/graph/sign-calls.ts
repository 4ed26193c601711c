import { type CallerSigningKey, type CallerUse, type SignedCaller, signCaller } from '@bridgework/kernel/signed-caller';
import type { SubgraphName } from '@bridgework/schema';
import type { RequestScope } from './execute.ts';

/** A query's header lives 30 s; used no longer than this it is never refused for its age on the way. */
const REUSED_MS = 15_000;
const MAX_KEPT = 4000;

export interface SignedCall {
  readonly audience: SubgraphName;
  readonly use: Exclude<CallerUse, 'control'>;
  readonly scope: Pick<RequestScope, 'caller' | 'generation'>;
  readonly body: string;
}

/** The caller header of one call: remembered per caller, audience and generation for queries, fresh and bound to the body for mutations. */
export function createCallSigner(key: CallerSigningKey, now: () => Date): (call: SignedCall) => string {
  const kept = new Map<string, { readonly header: string; readonly signedAt: number }>();
  return ({ audience, use, scope, body }) => {
    const { caller, generation } = scope;
    const at = now();
    if (use === 'mutation') return signCaller(key, { audience, use, caller, generation, body, now: at });
    const name = `${audience} ${generation} ${identityOf(caller)}`;
    const known = kept.get(name);
    if (known !== undefined && at.getTime() - known.signedAt < REUSED_MS) return known.header;
    const header = signCaller(key, { audience, use, caller, generation, now: at });
    kept.delete(name);
    kept.set(name, { header, signedAt: at.getTime() });
    const oldest = kept.size > MAX_KEPT ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    return header;
  };
}

/** Everything a subgraph decides by; within a generation a token's scopes are fixed. */
function identityOf(caller: SignedCaller): string {
  switch (caller.kind) {
    case 'integration':
      return `token ${caller.tokenId}`;
    case 'user':
      return JSON.stringify([caller.issuer, caller.subject, caller.role, caller.name]);
    case 'gateway':
      return `gateway ${caller.gatewayId}`;
  }
}
