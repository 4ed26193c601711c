import { runNextImport } from '@bridgework/appointment';
import type { Context } from '@bridgework/kernel/context';
import { type Repeating, repeat } from '../schedule.ts';

const IDLE_MS = 500;

/** Carries out the imports that are too large to be answered at once, one after another. */
export const startImporter = (ctx: Context): Repeating =>
  repeat('appointment.import', ctx.log, async () => ((await runNextImport(ctx)) ? 0 : IDLE_MS));
