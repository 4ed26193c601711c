import postgres from 'postgres';

export interface Listener {
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly url: string;
  readonly channel: string;
  readonly applicationName: string;
  /**
   * Something may have changed: a notification came, or the connection was (re)made and notifications may have been
   * missed. The listener says only "look again".
   */
  readonly onChange: () => void;
}

/**
 * A connection of its own that waits for NOTIFY. Lost connections are made again four times a second: postgres.js's own
 * backoff grows to 20 s, far longer than a revoked token may stay good.
 */
export async function listenForChanges(options: ListenOptions): Promise<Listener> {
  const client = postgres(options.url, {
    max: 1,
    backoff: () => 0.25,
    connection: { application_name: options.applicationName },
    onnotice: () => undefined,
  });
  await client.listen(options.channel, options.onChange, options.onChange);
  return { close: () => client.end({ timeout: 1 }) };
}
