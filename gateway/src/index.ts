export type { RequestScope } from './graph/execute.ts';
export type { CallOperation } from './operations.ts';
export type { GatewayServices, Refusal } from './services.ts';
