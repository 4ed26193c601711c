import { readFileSync } from 'node:fs';
import { readStandaloneConfig } from '@bridgework/kernel/config';
import { runProcess } from '@bridgework/kernel/lifecycle';
import { startStandalone } from './server.ts';

// COMPOSITION ROOT of the gateway on its own: any federated graph, documents from a file, no tokens. For benchmarks and
// conformance suites; it listens on loopback only and will not start where the product's own gateway would.
runProcess('standalone gateway', async ({ log }) => {
  const { SUPERGRAPH, OPS_FILE, PORT, ADHOC } = readStandaloneConfig();
  const operations = OPS_FILE === undefined ? {} : (JSON.parse(readFileSync(OPS_FILE, 'utf8')) as unknown);
  const standalone = await startStandalone({
    sdl: readFileSync(SUPERGRAPH, 'utf8'),
    operations,
    adHoc: ADHOC,
    port: PORT,
    log,
  });
  log.info({ origin: standalone.origin, documents: standalone.documents }, 'standalone.listening');
  return standalone;
});
