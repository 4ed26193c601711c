import { readWorkersConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { createMetrics, serveMetrics } from '@bridgework/kernel/metrics';
import { buildWorkers } from './build-workers.ts';

/** COMPOSITION ROOT of the worker process. */
runProcess('workers', async ({ log }) => {
  const config = readWorkersConfig();
  const metrics = createMetrics('workers');
  const served = await serveMetrics(metrics, config, log);
  const workers = buildWorkers(config, { log, metrics });
  await workers.start();
  return {
    async close() {
      await workers.close();
      await served.close();
    },
  };
});
