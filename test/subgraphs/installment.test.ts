import { expect, test } from 'vitest';
import { stateOfPlan } from '../../subgraphs/billing/src/invoices/installment.ts';

const plan = [
  { number: 1, amountMinor: 33_334, pastDue: true },
  { number: 2, amountMinor: 33_333, pastDue: true },
  { number: 3, amountMinor: 33_333, pastDue: false },
];

test.each([
  [0, [33_334, 33_333, 33_333], [true, true, false]],
  [33_334, [0, 33_333, 33_333], [false, true, false]],
  [40_000, [0, 26_667, 33_333], [false, true, false]],
  [66_667, [0, 0, 33_333], [false, false, false]],
  [100_000, [0, 0, 0], [false, false, false]],
])('payments of %i fill the plan from its first step on', (paid, remaining, overdue) => {
  const steps = stateOfPlan(plan, paid);
  expect(steps.map(({ remainingMinor }) => remainingMinor)).toEqual(remaining);
  expect(steps.map((step) => step.overdue)).toEqual(overdue);
});
