import { idArgument, parseArguments } from '@bridgework/kernel/arguments';
import type { Context } from '@bridgework/kernel/context';
import { maskName, maskPhone } from '@bridgework/kernel/masking';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { z } from 'zod';
import { appointmentFilter, listAppointments } from './appointments/list-appointments.ts';
import { type Appointment, appointmentById } from './appointments/load-appointments.ts';
import { addImagingReference } from './imaging/add-imaging-reference.ts';
import { imagingReferencesOfVisit } from './imaging/list-imaging-references.ts';
import { type ImagingReference, metadataOf, ownImagingReference } from './imaging/load-imaging-references.ts';
import { findImport } from './imports/find-import.ts';
import { type Import, toFieldError } from './imports/import.ts';
import { importAppointments } from './imports/import-appointments.ts';
import { metadataEntries } from './metadata.ts';
import { type Patient, patientById } from './patients/load-patients.ts';
import { listProviders } from './providers/list-providers.ts';
import { chairById, providerById } from './providers/load-providers.ts';
import {
  resolveAppointment,
  resolveChair,
  resolveImagingReference,
  resolvePatient,
  resolveProvider,
  resolveVisit,
} from './references.ts';
import { type ActivityReport, activityReport, REPORT_KINDS } from './reports/activity-report.ts';
import { listVisits, visitFilter } from './visits/list-visits.ts';
import { proceduresOfVisit, type Visit, visitById, visitOfAppointment } from './visits/load-visits.ts';

const byId = z.strictObject({ id: idArgument });
const page = z.strictObject({ first: z.int(), after: z.string().nullish() });
const appointmentPage = page.extend({ filter: appointmentFilter.nullish().transform((filter) => filter ?? {}) });
const write = z.strictObject({ input: z.unknown(), idempotencyKey: z.string() });
const day = z.union([z.date().transform((at) => at.toISOString().slice(0, 10)), z.iso.date()]);
const report = z.strictObject({ kind: z.enum(REPORT_KINDS), from: day, to: day });
const visitPage = page.extend({ filter: visitFilter.nullish().transform((filter) => filter ?? {}) });

/** A thing of which at first only the id is known: its row is read when a field other than the id is asked for. */
interface Reference {
  readonly id: string;
}

const ofPatient =
  <Value>(pick: (patient: Patient) => Value) =>
  async ({ id }: Reference, _: unknown, ctx: Context): Promise<Value | null> => {
    const patient = await patientById(ctx, id);
    return patient && pick(patient);
  };

export const resolvers: Resolvers = {
  Query: {
    appointment: (_: never, input: unknown, ctx) => appointmentById(ctx, parseArguments(byId, input).id),
    appointments: (_: never, input: unknown, ctx) => listAppointments(ctx, parseArguments(appointmentPage, input)),
    visit: (_: never, input: unknown, ctx) => visitById(ctx, parseArguments(byId, input).id),
    visits: (_: never, input: unknown, ctx) => listVisits(ctx, parseArguments(visitPage, input)),
    patient: (_: never, input: unknown, ctx) => patientById(ctx, parseArguments(byId, input).id),
    providers: (_: never, input: unknown, ctx) => listProviders(ctx, parseArguments(page, input)),
    appointmentImport: (_: never, input: unknown, ctx) => findImport(ctx, parseArguments(byId, input).id),
    activityReport: (_: never, input: unknown, ctx) => {
      const { kind, from, to } = parseArguments(report, input);
      return activityReport(ctx, kind, from, to);
    },
    imagingReference: (_: never, input: unknown, ctx) => ownImagingReference(ctx, parseArguments(byId, input).id),
  },
  Mutation: {
    importAppointments: (_: never, given: unknown, ctx) => {
      const { input, idempotencyKey } = parseArguments(write, given);
      return importAppointments(ctx, input, idempotencyKey);
    },
    addImagingReference: async (_: never, given: unknown, ctx) => {
      const { input, idempotencyKey } = parseArguments(write, given);
      const answer = await addImagingReference(ctx, input, idempotencyKey);
      return { ...answer, imagingReference: await ownImagingReference(ctx, answer.imagingReference.id) };
    },
  },
  ActivityReportRow: {
    provider: ({ providerId }: ActivityReport['rows'][number]): Reference | null =>
      providerId === null ? null : { id: providerId },
  },
  AppointmentImport: {
    errors: ({ errors }: Import) => errors.map(toFieldError),
    metadata: ({ metadata }: Import) => metadataEntries(metadata),
  },
  Appointment: {
    __resolveReference: resolveAppointment,
    patient: ({ patientId }: Appointment): Reference => ({ id: patientId }),
    provider: ({ providerId }: Appointment): Reference => ({ id: providerId }),
    chair: ({ chairId }: Appointment): Reference => ({ id: chairId }),
    visit: ({ id }: Appointment, _: unknown, ctx) => visitOfAppointment(ctx, id),
  },
  Patient: {
    __resolveReference: resolvePatient,
    displayName: ofPatient(({ fullName }) => maskName(fullName)),
    phoneMasked: ofPatient(({ phoneE164 }) => maskPhone(phoneE164)),
    fullName: ofPatient(({ fullName }) => fullName),
    phone: ofPatient(({ phoneE164 }) => phoneE164),
    email: ofPatient(({ email }) => email),
  },
  Provider: {
    __resolveReference: resolveProvider,
    name: async ({ id }: Reference, _: unknown, ctx) => (await providerById(ctx, id))?.name,
    specialty: async ({ id }: Reference, _: unknown, ctx) => (await providerById(ctx, id))?.specialty,
  },
  Chair: {
    __resolveReference: resolveChair,
    name: async ({ id }: Reference, _: unknown, ctx) => (await chairById(ctx, id))?.name,
  },
  Visit: {
    __resolveReference: resolveVisit,
    appointment: ({ appointmentId }: Visit, _: unknown, ctx) => appointmentById(ctx, appointmentId),
    patient: ({ patientId }: Visit): Reference => ({ id: patientId }),
    provider: ({ providerId }: Visit): Reference => ({ id: providerId }),
    procedures: ({ key }: Visit, _: unknown, ctx) => proceduresOfVisit(ctx, key),
    imagingReferences: ({ id }: Visit, input: unknown, ctx) =>
      imagingReferencesOfVisit(ctx, id, parseArguments(page, input)),
  },
  ImagingReference: {
    __resolveReference: resolveImagingReference,
    patient: ({ patientId }: ImagingReference): Reference => ({ id: patientId }),
    visit: ({ visitId }: ImagingReference, _: unknown, ctx) => (visitId === null ? null : visitById(ctx, visitId)),
    metadata: async (reference: ImagingReference, _: unknown, ctx) => metadataEntries(await metadataOf(ctx, reference)),
  },
};
