export {
  CLINIC_STAFF,
  createDevelopmentIssuer,
  DEVELOPMENT_AUDIENCE,
  DEVELOPMENT_ISSUER,
  type DevelopmentIssuer,
  generateIssuerKey,
  HUDA,
  OMAR,
  RANA,
  type StaffMember,
} from './development-issuer.ts';
export { type ReceivedWebhook, type Receiver, type ReceiverOptions, startReceiver } from './receiver.ts';
export { makeSecrets, type Secrets } from './secrets.ts';
export type { ClinicData } from './seed/clinic-data.ts';
export { type SeedOptions, seedClinic, seedSmallClinic } from './seed/seed-clinic.ts';
export { createJumpingClock } from './simulator/play/clock.ts';
export { type PlayOptions, playDays } from './simulator/play/play-days.ts';
export { readSimulateArguments } from './simulator/play/read-arguments.ts';
export { runSimulate } from './simulator/play/run-simulate.ts';
export { type Simulator, type SimulatorOptions, startSimulator } from './simulator/start-simulator.ts';
export { NODE_FLAGS } from './supervise.ts';
export { type AuditReport, type AuditSource, verifyAudit } from './verify-audit.ts';
