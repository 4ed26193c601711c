import { readGatewayConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { buildGateway } from './server.ts';

runProcess('gateway', async ({ log }) => {
  const gateway = await buildGateway(readGatewayConfig(), { log, now: () => new Date() });
  const origin = await gateway.listen();
  log.info({ origin }, 'gateway.listening');
  await gateway.ready();
  return gateway;
});
