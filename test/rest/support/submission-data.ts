import { newId } from '@bridgework/kernel/ids';
import { connection } from './clinic-data.ts';

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

const reportExport = {
  id: newId('exp'),
  kind: 'DAILY_COLLECTED_REVENUE',
  period: '2026-03-31',
  position: 1,
  sha256: 'ab'.repeat(32),
  previousSha256: '0'.repeat(64),
  generatedAt: at,
  generatedBy: 'clinic',
  formats: ['CSV', 'JSON'],
};

/** What the graph answers to the operations of imports and imaging. */
export const submissionRoot = {
  appointmentImport,
  imagingReference,
  importAppointments: { appointmentImport, background: false, replayed: false },
  activityReport: {
    from: '2026-03-01',
    to: '2026-03-31',
    unit: 'MONTH',
    rows: [{ provider: null, cells: [{ period: null, suppressed: false, count: 9, rate: null }] }],
  },
  reportExport,
  reportExports: connection([reportExport]),
  reportExportContent: { content: Buffer.from('a,b').toString('base64'), sha256: 'ab'.repeat(32) },
  requestReportExport: { reportExport, generatedEarlier: false, replayed: false },
  addImagingReference: { imagingReference, recordedEarlier: false, replayed: false },
};

export const submissionIds: Readonly<Record<string, string>> = {
  '/api/v1/appointment-imports/{id}': appointmentImport.id,
  '/api/v1/imaging-references/{id}': imagingReference.id,
  '/api/v1/exports/{id}': reportExport.id,
  '/api/v1/exports/{id}/content': reportExport.id,
};

/** A body that each of these routes takes. */
export const submissionBodies: Readonly<Record<string, object>> = {
  '/api/v1/appointment-imports': {
    rows: [{ external_id: 'X1', patient_id: newId('pat'), provider_id: newId('prv'), starts_at: at, ends_at: at }],
  },
  '/api/v1/exports': { kind: 'DAILY_COLLECTED_REVENUE', period: '2026-03-31' },
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

/** What a route must be asked with. */
export const submissionQueries: Readonly<Record<string, string>> = {
  '/api/v1/exports/{id}/content': '?format=csv',
  '/api/v1/reports/daily-appointments': '?from=2026-03-01&to=2026-03-31',
  '/api/v1/reports/visit-volume': '?from=2026-03-01&to=2026-03-31',
  '/api/v1/reports/no-show-rate': '?from=2026-03-01&to=2026-03-31',
};
