import { freePort, isFree } from '@bridgework/kernel/embedded-postgres';

/** On loopback; each process shows its metrics on a port of its own. */
export interface MetricsPorts {
  readonly gateway: number;
  readonly host: number;
  readonly workers: number;
}

/** Three ports from `first` on; one that is taken is passed over. 0: any. */
export async function chooseMetricsPorts(first: number): Promise<MetricsPorts> {
  const free: number[] = [];
  for (let port = first; free.length < 3; port += 1) {
    if (first === 0) free.push(await freePort());
    else if (await isFree(port, '127.0.0.1')) free.push(port);
  }
  const [gateway = 0, host = 0, workers = 0] = free;
  return { gateway, host, workers };
}
