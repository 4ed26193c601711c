import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Mark, newestSettled, remember } from '../../subgraphs/appointment/src/walks/horizon.ts';

/** A transaction gets its number at one instant, writes later, and ends later still. */
const transaction = fc
  .tuple(fc.integer({ min: 0, max: 1000 }), fc.nat(200), fc.nat(400))
  .map(([begins, writes, ends]) => ({ begins, writes: begins + writes, ends: begins + writes + ends }));

test('nothing that is unseen was written before the horizon, whatever was at work', () => {
  fc.assert(
    fc.property(
      fc.array(transaction, { maxLength: 40 }),
      fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 60 }),
      (transactions, looks) => {
        const numbered = transactions.toSorted((one, other) => one.begins - other.begins);
        let marks: readonly Mark[] = [];
        for (const instant of looks.toSorted((one, other) => one - other)) {
          // Numbers are given in order; a look sees who has begun, and who of them has not ended.
          const next = numbered.filter(({ begins }) => begins <= instant).length;
          const running = numbered.findIndex(({ begins, ends }) => begins <= instant && ends > instant);
          marks = remember(marks, { at: new Date(instant), nextNumber: BigInt(next) });
          const horizon = newestSettled(marks, BigInt(running === -1 ? next : running));
          const unseen = numbered.filter(({ ends }) => ends > instant);
          for (const { writes } of unseen) expect(writes).toBeGreaterThanOrEqual(horizon?.at.getTime() ?? 0);
        }
      },
    ),
  );
});

test('keeps a mark for who works long, however many looks there are', () => {
  let marks: readonly Mark[] = [];
  for (let at = 0; at < 100_000; at += 20) marks = remember(marks, { at: new Date(at), nextNumber: BigInt(at) });
  expect(marks.length).toBeLessThan(1024);
  expect(newestSettled(marks, 30_000n)?.at.getTime()).toBeGreaterThan(20_000);
});
