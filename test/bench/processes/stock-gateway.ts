import { readFileSync } from 'node:fs';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { contractPath } from '@bridgework/kernel/contract-files';

/** Origins of the subgraphs, and headers that each of them asks for. */
export interface StockOrder {
  readonly origins: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

// Apollo Server and @apollo/gateway as their manuals set them up, in front of the same subgraphs.
process.once('message', (order: StockOrder) => {
  start(order).then(
    (port) => process.send?.(port),
    (error) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});
process.on('message', (order: Partial<StockOrder>) => Object.assign(headers, order.headers));
process.on('disconnect', () => process.exit(0));

const headers: Record<string, Readonly<Record<string, string>>> = {};

async function start(order: StockOrder): Promise<number> {
  process.env.NODE_ENV = 'production';
  process.env.APOLLO_TELEMETRY_DISABLED = '1';
  Object.assign(headers, order.headers);
  const gateway = new ApolloGateway({
    supergraphSdl: readFileSync(contractPath('supergraph.graphql'), 'utf8'),
    buildService: ({ name }) =>
      new RemoteGraphQLDataSource({
        url: `${order.origins[name] ?? 'http://127.0.0.1:1'}/graphql`,
        willSendRequest({ request }) {
          for (const [header, value] of Object.entries(headers[name] ?? {})) request.http?.headers.set(header, value);
        },
      }),
  });
  const server = new ApolloServer({ gateway });
  const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
  return Number(new URL(url).port);
}
