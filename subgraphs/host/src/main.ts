import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import { readSubgraphHostConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { createMetrics, serveMetrics } from '@bridgework/kernel/metrics';
import { buildSubgraphHost } from './server.ts';

// COMPOSITION ROOT of the subgraphs: serves those that SUBGRAPHS names.
runProcess('subgraphs', async ({ log }) => {
  const subgraphs = [appointment, billing, inventory, integration];
  const config = readSubgraphHostConfig();
  const served = await serveMetrics(createMetrics('subgraphs'), config, log);
  const host = buildSubgraphHost(config, { subgraphs, log });
  await host.listen();
  return {
    async close() {
      await host.close();
      await served.close();
    },
  };
});
