import { newId } from '@bridgework/kernel/ids';

const at = '2026-03-01T08:30:00.000Z';

const appointmentImport = {
  id: newId('imp'),
  status: 'DONE',
  rowCount: 1,
  processedCount: 1,
  importedCount: 1,
  unchangedCount: 0,
  errors: [],
  metadata: [{ name: 'مصدر', value: 'شريك' }],
  createdAt: at,
  finishedAt: at,
};

const imagingReference = {
  id: newId('img'),
  patient: { id: newId('pat') },
  visit: null,
  modality: 'IO',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.4',
  sopInstanceUid: '1.2.3.4.5',
  takenAt: at,
  uri: 'https://pacs.partner.example/1',
  contentType: 'application/dicom',
  byteSize: 1,
  sha256: 'ab'.repeat(32),
  device: null,
  metadata: [],
};

/** What the graph answers to the operations of imports and imaging. */
export const submissionRoot = {
  appointmentImport,
  imagingReference,
  importAppointments: { appointmentImport, background: false, replayed: false },
  addImagingReference: { imagingReference, recordedEarlier: false, replayed: false },
};

export const submissionIds: Readonly<Record<string, string>> = {
  '/api/v1/appointment-imports/{id}': appointmentImport.id,
  '/api/v1/imaging-references/{id}': imagingReference.id,
};

/** A body that each of these routes takes. */
export const submissionBodies: Readonly<Record<string, object>> = {
  '/api/v1/appointment-imports': {
    rows: [{ external_id: 'X1', patient_id: newId('pat'), provider_id: newId('prv'), starts_at: at, ends_at: at }],
  },
  '/api/v1/imaging-references': {
    patient_id: newId('pat'),
    study_instance_uid: '1.2.3',
    series_instance_uid: '1.2.3.4',
    sop_instance_uid: '1.2.3.4.5',
    modality: 'IO',
    taken_at: at,
    uri: 'https://pacs.partner.example/1',
    content_type: 'application/dicom',
    byte_size: 1,
    sha256: 'ab'.repeat(32),
  },
};
