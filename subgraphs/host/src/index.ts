export { buildSubgraphHost, type SubgraphHost, type SubgraphHostDeps } from './server.ts';
