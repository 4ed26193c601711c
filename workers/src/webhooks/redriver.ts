import { continueRedrive } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { type Repeating, repeat } from '../schedule.ts';

const IDLE_MS = 500;
const BUSY_MS = 50;

/** Carries out what managers asked to be sent again, at the pace they asked for; the sweeper then wakes the lanes. */
export const startRedriver = (ctx: Context): Repeating =>
  repeat('webhook.redrive', ctx.log, async () => ((await continueRedrive(ctx)) === undefined ? IDLE_MS : BUSY_MS));
