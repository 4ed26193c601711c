import { readGatewayConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { createMetrics, serveMetrics } from '@bridgework/kernel/metrics';
import { buildGateway } from './server.ts';

runProcess('gateway', async ({ log }) => {
  const config = readGatewayConfig();
  const metrics = createMetrics('gateway');
  const served = await serveMetrics(metrics, config, log);
  const gateway = await buildGateway(config, { log, metrics, now: () => new Date() });
  const origin = await gateway.listen();
  log.info({ origin }, 'gateway.listening');
  // Told to stop before the registry was found: then there is nothing to wait for.
  await Promise.race([gateway.ready(), toldToStop()]);
  return {
    async close() {
      await gateway.close();
      await served.close();
    },
  };
});

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const reason of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(reason, () => resolve());
  });
}
