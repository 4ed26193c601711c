import type { EventType } from '@bridgework/schema';
import type { TransactionSql } from 'postgres';
import { bookAppointment, completeAppointment, completeVisit, confirmAppointment } from './clinic-changes.ts';
import { collectPayment, issueInvoice, letInstallmentFallDue } from './money-changes.ts';
import { useUpStock } from './stock-changes.ts';

/** A real change of the clinic's tables; answers the public id of what the event is about. */
export type Change = (tx: TransactionSql) => Promise<string>;

/** For each event the change that it tells of. */
export const CHANGES: Readonly<Record<EventType, Change>> = {
  'appointment.created': bookAppointment,
  'appointment.updated': confirmAppointment,
  'appointment.completed': completeAppointment,
  'visit.completed': completeVisit,
  'invoice.created': issueInvoice,
  'payment.received': collectPayment,
  'installment.overdue': letInstallmentFallDue,
  'inventory.low_stock': useUpStock,
};
