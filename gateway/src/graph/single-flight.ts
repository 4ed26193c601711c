import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { Outcome } from './compile-document.ts';
import type { ExecutableDocument, RequestScope } from './execute.ts';

type Variables = Readonly<Record<string, unknown>>;
/** Runs a document; errors are raw. */
export type RunShared = (document: ExecutableDocument, variables: Variables, scope: RequestScope) => Promise<Outcome>;

/**
 * Queries that are the same and come at the same time are fetched once: same document, same variables, same integration,
 * environment and permissions. Nothing is kept once it is answered. A request that came after a write was answered never
 * joins a fetch that began before, and an audited document is run for each request, because each leaves its own trace.
 */
export function shareFlights(run: RunShared): RunShared {
  const flights = new Map<string, { readonly outcome: Promise<Outcome>; readonly deadline: number }>();
  const lead = (key: string, document: ExecutableDocument, variables: Variables, scope: RequestScope) => {
    const outcome = run(document, variables, scope);
    const flight = { outcome, deadline: scope.deadline };
    flights.set(key, flight);
    const land = () => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    outcome.then(land, land);
    return outcome;
  };
  return async (document, variables, scope) => {
    if (document.operation === 'mutation') {
      return run(document, variables, scope).finally(() => flights.clear());
    }
    if (document.audited) return run(document, variables, scope);
    const key = keyOf(document, variables, scope);
    const flight = flights.get(key);
    if (flight === undefined) return lead(key, document, variables, scope);
    const outcome = await flight.outcome;
    // The first one's time was up, ours may not be.
    return isOver(flight.deadline) && !isOver(scope.deadline) ? run(document, variables, scope) : outcome;
  };
}

const isOver = (deadline: number): boolean => performance.now() >= deadline;

const keyOf = ({ id }: ExecutableDocument, variables: Variables, scope: RequestScope): string =>
  `${id} ${scope.generation} ${sightOf(scope.caller)} ${scope.acceptLanguage ?? ''} ${JSON.stringify(variables)}`;

const sights = new WeakMap<SignedCaller, string>();

/** Everything by which two callers could see different things. */
function sightOf(caller: SignedCaller): string {
  let sight = sights.get(caller);
  if (sight === undefined) {
    sight = describe(caller);
    sights.set(caller, sight);
  }
  return sight;
}

function describe(caller: SignedCaller): string {
  switch (caller.kind) {
    case 'integration':
      return JSON.stringify([caller.integrationId, caller.environment, caller.scopes.toSorted()]);
    case 'user':
      return JSON.stringify([caller.issuer, caller.subject, caller.role, caller.scopes.toSorted()]);
    case 'gateway':
      return caller.gatewayId;
  }
}
