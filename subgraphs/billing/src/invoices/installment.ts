/** One step of a plan as agreed. */
export interface PlannedInstallment {
  readonly amountMinor: number;
  /** Its day lies before the clinic's today. */
  readonly pastDue: boolean;
}

export type InstallmentState<Planned extends PlannedInstallment> = Planned & {
  readonly remainingMinor: number;
  readonly overdue: boolean;
};

/**
 * What remains of each step: payments fill the plan from its first step on, for they name the invoice and no step.
 *
 * The daily job that marks overdue instalments counts the same way (billing.mark_overdue_installments).
 *
 * @param plan in the order in which it falls due; its amounts sum to the invoice's total.
 */
export function stateOfPlan<Planned extends PlannedInstallment>(
  plan: readonly Planned[],
  paidMinor: number,
): InstallmentState<Planned>[] {
  let unspent = paidMinor;
  return plan.map((step) => {
    const covered = Math.min(unspent, step.amountMinor);
    unspent -= covered;
    const remainingMinor = step.amountMinor - covered;
    return { ...step, remainingMinor, overdue: remainingMinor > 0 && step.pastDue };
  });
}
