import { expect, test } from 'vitest';
import { createRefusals } from '../../subgraphs/host/src/refusals.ts';

const setUp = () => {
  let at = Date.parse('2026-03-01T08:00:00Z');
  const written: [string, number][] = [];
  const refusals = createRefusals({
    now: () => new Date(at),
    write: async (reason, count) => {
      written.push([reason, count]);
    },
  });
  return { refusals, written, wait: (ms: number) => (at += ms) };
};

test('writes the first refusal of a reason at once', async () => {
  const { refusals, written } = setUp();
  refusals.note('missing');
  refusals.note('expired');
  expect(written).toEqual([
    ['missing', 1],
    ['expired', 1],
  ]);
  await refusals.close();
});

test('writes a flood as one row per minute, and loses no count', async () => {
  const { refusals, written, wait } = setUp();
  for (let request = 0; request < 1000; request += 1) {
    refusals.note('bad-signature');
    wait(100);
  }
  expect(written).toEqual([
    ['bad-signature', 1],
    ['bad-signature', 600],
  ]);
  await refusals.close();
  expect(written.reduce((sum, [, count]) => sum + count, 0)).toBe(1000);
});

test('writes nothing when it closes with nothing to say', async () => {
  const { refusals, written } = setUp();
  await refusals.close();
  expect(written).toEqual([]);
});
