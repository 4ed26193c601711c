export { createEgress, type Egress, type EgressAnswer } from './webhooks/egress.ts';
