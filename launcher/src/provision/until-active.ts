import { setTimeout } from 'node:timers/promises';

const WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 100;

/** Looks until the status is ACTIVE; throws after 20 seconds, naming the thing and the status that it has. */
export async function untilActive(what: string, read: () => Promise<string | undefined>): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const status = await read();
    if (status === 'ACTIVE') return;
    if (Date.now() > deadline)
      throw new Error(`${what} did not become active in time; it is ${status ?? 'not there'}.`);
    await setTimeout(LOOK_EVERY_MS);
  }
}
