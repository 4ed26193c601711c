import type { Id } from '@bridgework/kernel/ids';

/** How large a fake clinic is. Days count from today. */
export interface ClinicSize {
  readonly seed: number;
  readonly patients: number;
  readonly providers: number;
  readonly chairs: number;
  readonly items: number;
  readonly daysBefore: number;
  readonly daysAfter: number;
  /** The share of slots that somebody booked, 0 to 1. */
  readonly fullness: number;
}

export type AppointmentStatus = 'SCHEDULED' | 'CONFIRMED' | 'IN_PROGRESS' | 'COMPLETED' | 'CANCELLED' | 'NO_SHOW';

export interface PatientData {
  readonly id: Id<'pat'>;
  readonly full_name: string;
  readonly phone_e164: string;
  readonly email: string | null;
  readonly locale: 'ar' | 'en';
  readonly consents: { readonly sms: boolean; readonly whatsapp: boolean };
}
export interface AppointmentData {
  readonly id: Id<'apt'>;
  readonly patient_id: Id<'pat'>;
  readonly provider_id: Id<'prv'>;
  readonly chair_id: Id<'chr'>;
  readonly starts_at: Date;
  readonly ends_at: Date;
  /** What becomes of it; every appointment is born SCHEDULED. */
  readonly status: AppointmentStatus;
}
export interface ProcedureData {
  readonly code: string;
  readonly name: string;
  readonly tooth: string | null;
  readonly riyals: number;
}
export interface VisitData {
  readonly id: Id<'vis'>;
  readonly appointment: AppointmentData;
  readonly isCompleted: boolean;
  readonly procedures: readonly ProcedureData[];
}
export interface PaymentData {
  readonly amount_minor: number;
  readonly method: 'CASH' | 'CARD' | 'TRANSFER';
  readonly captured_at: Date;
}
export interface InvoiceData {
  readonly id: Id<'inv'>;
  readonly patient_id: Id<'pat'>;
  readonly visit_id: Id<'vis'>;
  readonly currency: string;
  readonly total_minor: number;
  /** The local date of the visit. */
  readonly issued_on: string;
  readonly due_on: string;
  readonly lines: readonly { readonly description: string; readonly amount_minor: number }[];
  readonly installments: readonly { readonly due_on: string; readonly amount_minor: number }[];
  readonly payments: readonly PaymentData[];
  /** Not every visit's invoice has been sent out yet. */
  readonly isDraft: boolean;
}
export interface ItemData {
  readonly id: Id<'itm'>;
  readonly sku: string;
  readonly name: string;
  readonly unit: string;
  readonly reorder_point: number;
  readonly unit_cost_minor: number;
  readonly opening: number;
}
export interface MaterialData {
  readonly visit_id: Id<'vis'>;
  readonly item_id: Id<'itm'>;
  readonly quantity: number;
  readonly used_at: Date;
}
export interface ExpenseData {
  readonly business_date: string;
  readonly amount_minor: number;
  readonly category: string;
  readonly description: string;
}

/** A whole clinic, planned before a row of it is written. */
export interface ClinicData {
  readonly patients: readonly PatientData[];
  readonly providers: readonly { readonly id: Id<'prv'>; readonly name: string; readonly specialty: string }[];
  readonly chairs: readonly { readonly id: Id<'chr'>; readonly name: string }[];
  readonly appointments: readonly AppointmentData[];
  readonly visits: readonly VisitData[];
  readonly invoices: readonly InvoiceData[];
  readonly items: readonly ItemData[];
  readonly materials: readonly MaterialData[];
  readonly expenses: readonly ExpenseData[];
  /** Every local date from the first to the last of the plan. */
  readonly dates: readonly string[];
}
