import type { Db } from '@bridgework/kernel/database';

/** Gateways that hold a control stream of this process, by the database they serve, each with its number of streams. */
const connected = new WeakMap<Db, Map<string, number>>();

/** Counts a gateway's stream until `signal` says that it ended. */
export function noteGateway(db: Db, gatewayId: string, signal: AbortSignal): void {
  const gateways = connected.get(db) ?? new Map<string, number>();
  connected.set(db, gateways);
  gateways.set(gatewayId, (gateways.get(gatewayId) ?? 0) + 1);
  const leave = (): void => {
    const left = (gateways.get(gatewayId) ?? 1) - 1;
    if (left > 0) gateways.set(gatewayId, left);
    else gateways.delete(gatewayId);
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
}

export const connectedGateways = (db: Db): readonly string[] => [...(connected.get(db)?.keys() ?? [])].toSorted();
