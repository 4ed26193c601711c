export type { Refusal } from './control/spool.ts';
export type { RequestScope } from './graph/execute.ts';
export type { CallOperation } from './operations.ts';
export { buildGateway, type Gateway, type GatewayDeps } from './server.ts';
export type { GatewayServices } from './services.ts';
