import { z } from 'zod';

/**
 * Queue contracts: which jobs there are and what their data is. Data names things by id and carries nothing else: no
 * secret, no personal data, nothing that cannot be read again from PostgreSQL.
 */
export const JOBS = {
  /** Sends what is due to one endpoint, until nothing is due. */
  'webhooks.lane': z.strictObject({ endpointId: z.string().startsWith('whe_') }),
} as const satisfies Record<string, z.ZodType>;

export type JobName = keyof typeof JOBS;
export type JobData<Name extends JobName> = z.infer<(typeof JOBS)[Name]>;

export const isJobName = (value: string): value is JobName => Object.hasOwn(JOBS, value);
