import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { idOf } from '../values.ts';

export const PatientV1 = z
  .strictObject({
    id: idOf('pat'),
    display_name: z.string().meta({ description: 'Given name and the first letter of the family name.' }),
    phone_masked: z.string().nullable().meta({ description: 'Only the last two digits are readable.' }),
    identified: z
      .strictObject({ full_name: z.string(), phone: z.string().nullable(), email: z.string().nullable() })
      .nullable()
      .meta({ description: 'Null unless the token carries read:patients:identified.' }),
  })
  .meta({ id: 'Patient' });

interface PatientData {
  readonly patient: {
    readonly id: string;
    readonly displayName: string;
    readonly phoneMasked: string | null;
    /** Asked for by the fuller document alone, which asks for phone and email as well. */
    readonly fullName?: string;
    readonly phone?: string | null;
    readonly email?: string | null;
  } | null;
}

export const getPatientV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/patients/{id}',
  tag: 'Patients',
  operation: 'PatientV1',
  fuller: { scope: 'read:patients:identified', operation: 'PatientIdentifiedV1' },
  summary: 'Read one patient, masked; in full with read:patients:identified.',
  personalData: true,
  params: z.strictObject({ id: idOf('pat') }),
  answers: { 200: PatientV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: PatientData) => {
    const patient = found(data.patient);
    return {
      id: patient.id,
      display_name: patient.displayName,
      phone_masked: patient.phoneMasked,
      identified:
        patient.fullName === undefined
          ? null
          : { full_name: patient.fullName, phone: patient.phone ?? null, email: patient.email ?? null },
    };
  },
});
