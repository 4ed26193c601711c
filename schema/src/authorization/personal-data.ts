import { PII_CLASSES, type PiiClass, type RequirementMap } from './requirements.ts';

/**
 * The personal-data dictionary: field names that mean a person's data wherever they stand. A field of such a name
 * without `@pii(class:)` fails the build, so nobody can publish one without having thought about it.
 */
const PERSONAL_DATA: Readonly<Record<PiiClass, readonly string[]>> = {
  identity: [
    'displayName',
    'fullName',
    'givenName',
    'familyName',
    'firstName',
    'lastName',
    'patientName',
    'nationalId',
    'passportNumber',
    'dateOfBirth',
    'birthDate',
    'gender',
    'photoUri',
  ],
  contact: ['phone', 'phoneMasked', 'phoneE164', 'mobile', 'email', 'address', 'street', 'postalCode', 'whatsapp'],
  health: ['diagnosis', 'clinicalNotes', 'allergies', 'medications', 'medicalHistory', 'bloodType'],
};

const CLASS_OF_NAME = new Map(PII_CLASSES.flatMap((pii) => PERSONAL_DATA[pii].map((name) => [name, pii] as const)));

export const isPiiClass = (text: string): text is PiiClass => (PII_CLASSES as readonly string[]).includes(text);

/** Fields whose name is in the dictionary but that carry no class, or another one. */
export function findUnmarkedPersonalData(requirements: RequirementMap): string[] {
  return Object.entries(requirements).flatMap(([coordinate, { pii }]) => {
    const expected = CLASS_OF_NAME.get(coordinate.slice(coordinate.indexOf('.') + 1));
    return expected === undefined || expected === pii ? [] : [`${coordinate} must carry @pii(class: "${expected}").`];
  });
}
