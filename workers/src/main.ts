import { readWorkersConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { buildWorkers } from './build-workers.ts';

/** COMPOSITION ROOT of the worker process. */
runProcess('workers', async ({ log }) => {
  const workers = buildWorkers(readWorkersConfig(), { log });
  await workers.start();
  return workers;
});
