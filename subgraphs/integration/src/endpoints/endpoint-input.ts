import { z } from 'zod';
import { eventTypes, prose } from '../input.ts';

const MAX_STEPS = 20;
const MAX_STEP_SECONDS = 7 * 24 * 3600;

const url = z.string().max(2_000);
const types = eventTypes.refine((list) => list.length > 0, 'names no event');

/** What a partner decides about its own endpoint. */
export const ownSettings = {
  name: prose(100),
  eventTypes: types,
  mode: z.enum(['SNAPSHOT', 'THIN']),
  ordering: z.enum(['BEST_EFFORT', 'ENTITY']),
};

/** What a manager may decide besides: how much of our time and how many of our sockets a receiver gets. */
export const managersSettings = {
  ...ownSettings,
  maxInFlight: z.int().min(1).max(64),
  timeoutMs: z.int().min(1_000).max(30_000),
  retryScheduleSeconds: z.array(z.int().min(1).max(MAX_STEP_SECONDS)).max(MAX_STEPS),
};

const optional = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).partial();

export const NewEndpoint = z.strictObject({
  ...optional(managersSettings).shape,
  name: ownSettings.name,
  eventTypes: types,
  url: url.optional(),
});
export const NewOwnEndpoint = z.strictObject({
  ...optional(ownSettings).shape,
  name: ownSettings.name,
  eventTypes: types,
  url: url.optional(),
});
export const EndpointChange = z.strictObject({ ...optional(managersSettings).shape, url: url.optional() });
export const OwnEndpointChange = z.strictObject({ ...optional(ownSettings).shape, url: url.optional() });

/** The version that the caller has read; a change of another one is refused. */
export const version = z.int().positive();
