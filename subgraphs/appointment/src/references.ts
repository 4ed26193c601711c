import type { Context } from '@bridgework/kernel/context';
import { appointmentById } from './appointments/load-appointments.ts';
import { imagingReferenceById } from './imaging/load-imaging-references.ts';
import { patientById } from './patients/load-patients.ts';
import { chairById, providerById } from './providers/load-providers.ts';
import { visitById } from './visits/load-visits.ts';

/** What another subgraph knows of an entity of ours. */
interface Key {
  readonly id: string;
}

// Batched: all references of one kind in a request are one statement.
export const resolveAppointment = ({ id }: Key, ctx: Context) => appointmentById(ctx, id);
export const resolvePatient = ({ id }: Key, ctx: Context) => patientById(ctx, id);
export const resolveProvider = ({ id }: Key, ctx: Context) => providerById(ctx, id);
export const resolveChair = ({ id }: Key, ctx: Context) => chairById(ctx, id);
export const resolveVisit = ({ id }: Key, ctx: Context) => visitById(ctx, id);
export const resolveImagingReference = ({ id }: Key, ctx: Context) => imagingReferenceById(ctx, id);
