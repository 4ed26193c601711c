export { buildWorkers, type Workers, type WorkersDependencies, type WorkersSettings } from './build-workers.ts';
