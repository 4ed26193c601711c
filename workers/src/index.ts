export { buildWorkers, type Workers, type WorkersDependencies, type WorkersSettings } from './build-workers.ts';
export { DAILY_JOBS, type DailyJob } from './daily/jobs.ts';
export { type DailyOptions, startDailyJobs } from './daily/run-daily.ts';
