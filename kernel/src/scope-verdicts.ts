import type { Caller, Context } from './context.ts';

/** What graphql-shield puts in front of a field: it calls `resolve` exactly when its rule is content. */
export type ShieldMiddleware = (
  resolve: () => unknown,
  parent: unknown,
  args: unknown,
  ctx: Context,
  info: unknown,
) => Promise<unknown>;

/** At once when shield was asked before, a promise when it has to be asked. */
export type Verdict = (ctx: Context) => boolean | Promise<boolean>;

/**
 * Shield's verdict on every rule of a document, asked once for each caller and rule. Our rules look at the caller alone,
 * so what shield said of one field it says of every field under that rule. A verdict is remembered for as long as the
 * caller's object lives, and only when that cannot change.
 */
export function rememberVerdicts(): (rules: ReadonlyMap<string, ShieldMiddleware>) => Verdict {
  const known = new WeakMap<Caller, Map<string, boolean>>();
  return (rules) => (ctx) => {
    const verdicts = known.get(ctx.caller);
    let isKnown = verdicts !== undefined;
    for (const name of rules.keys()) {
      const verdict = verdicts?.get(name);
      if (verdict === false) return false;
      if (verdict === undefined) isKnown = false;
    }
    return isKnown || rules.size === 0 || askAll(rules, ctx, known);
  };
}

async function askAll(
  rules: ReadonlyMap<string, ShieldMiddleware>,
  ctx: Context,
  known: WeakMap<Caller, Map<string, boolean>>,
): Promise<boolean> {
  const asked = await Promise.all([...rules].map(async ([name, rule]) => [name, await ask(rule, ctx)] as const));
  if (isUnchangeable(ctx.caller)) {
    const verdicts = known.get(ctx.caller) ?? new Map<string, boolean>();
    for (const [name, verdict] of asked) verdicts.set(name, verdict);
    known.set(ctx.caller, verdicts);
  }
  return asked.every(([, verdict]) => verdict);
}

const GRANTED = Symbol('granted');

/** Anything but a call of what stands behind the rule is a refusal. */
async function ask(rule: ShieldMiddleware, ctx: Context): Promise<boolean> {
  try {
    return (await rule(() => GRANTED, {}, {}, ctx, {})) === GRANTED;
  } catch {
    return false;
  }
}

const isUnchangeable = (caller: Caller): boolean =>
  Object.isFrozen(caller) && (!('scopes' in caller) || Object.isFrozen(caller.scopes));
