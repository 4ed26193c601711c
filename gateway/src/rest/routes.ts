import type { Route } from './route.ts';
import { getAppointmentImportV1, importAppointmentsV1 } from './v1/appointment-imports.ts';
import { getAppointmentV1, listAppointmentsV1 } from './v1/appointments.ts';
import { getDocsV1 } from './v1/docs.ts';
import { downloadExportV1, getExportV1, listExportsV1, requestExportV1 } from './v1/exports.ts';
import { addImagingReferenceV1, getImagingReferenceV1 } from './v1/imaging-references.ts';
import { listLowStockV1 } from './v1/inventory.ts';
import { getPayableInvoiceV1 } from './v1/invoices.ts';

import { getMeV1 } from './v1/me.ts';
import { getOpenApiV1, getOpenApiV2 } from './v1/openapi.ts';
import { getPatientV1 } from './v1/patients.ts';
import { confirmPaymentV1, findPaymentConfirmationV1, getPaymentConfirmationV1 } from './v1/payment-confirmations.ts';
import { getProblemTypeV1 } from './v1/problems.ts';
import { reportRoutesV1 } from './v1/reports.ts';
import { listRequestsV1 } from './v1/requests.ts';
import { requestSandboxEventV1 } from './v1/sandbox-events.ts';
import { getVersionsV1 } from './v1/versions.ts';
import { getVisitV1, listVisitsV1 } from './v1/visits.ts';
import {
  getWebhookDeliveryV1,
  listWebhookDeliveriesV1,
  replayWebhookDeliveryV1,
  testWebhookEndpointV1,
} from './v1/webhook-deliveries.ts';
import {
  createWebhookEndpointV1,
  deleteWebhookEndpointV1,
  getWebhookEndpointV1,
  listWebhookEndpointsV1,
  rotateWebhookSecretV1,
  updateWebhookEndpointV1,
} from './v1/webhook-endpoints.ts';
import { readWebhookEventsV1 } from './v1/webhook-events.ts';
import { getAppointmentV2, listAppointmentsV2 } from './v2/appointments.ts';

/** The REST API on one screen. Anything else is 404. */
export const routes: readonly Route[] = [
  listAppointmentsV1,
  getAppointmentV1,
  listVisitsV1,
  getVisitV1,
  getPatientV1,
  listLowStockV1,
  getPayableInvoiceV1,
  confirmPaymentV1,
  findPaymentConfirmationV1,
  getPaymentConfirmationV1,
  importAppointmentsV1,
  getAppointmentImportV1,
  addImagingReferenceV1,
  getImagingReferenceV1,
  requestExportV1,
  listExportsV1,
  getExportV1,
  downloadExportV1,
  ...reportRoutesV1,
  listWebhookEndpointsV1,
  createWebhookEndpointV1,
  getWebhookEndpointV1,
  updateWebhookEndpointV1,
  deleteWebhookEndpointV1,
  rotateWebhookSecretV1,
  testWebhookEndpointV1,
  readWebhookEventsV1,
  listWebhookDeliveriesV1,
  getWebhookDeliveryV1,
  replayWebhookDeliveryV1,
  requestSandboxEventV1,
  getMeV1,
  listRequestsV1,
  getVersionsV1,
  getOpenApiV1,
  getDocsV1,
  getProblemTypeV1,
  listAppointmentsV2,
  getAppointmentV2,
  getOpenApiV2,
];
