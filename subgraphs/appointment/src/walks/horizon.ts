/**
 * From which instant on something may have been written that nobody can see yet.
 *
 * Every change carries the clock's time after its transaction got its number (`base.written_at`). A mark is an instant and a
 * number that was given out after it. Once every transaction below that number has ended, whatever is still unseen was
 * written after the mark. Pure; docs/decisions/0023 has the argument.
 */
export interface Mark {
  readonly at: Date;
  readonly nextNumber: bigint;
}

/** The newest mark of which nothing is left; undefined when each of them has somebody still at work. */
export function newestSettled(marks: readonly Mark[], lowestRunning: bigint): Mark | undefined {
  return marks.findLast(({ nextNumber }) => nextNumber <= lowestRunning);
}

const MOST_MARKS = 512;
const APART_MS = 20;

/** How far apart marks may be, as a part of their age. */
const COARSENESS = 0.05;

/** Marks in order of time with one more. The older, the further apart: a long transaction costs some of its length, no more. */
export function remember(marks: readonly Mark[], { at, nextNumber }: Mark): readonly Mark[] {
  const last = marks.at(-1);
  if (last !== undefined && (at.getTime() - last.at.getTime() < APART_MS || nextNumber < last.nextNumber)) return marks;
  return [...(marks.length < MOST_MARKS ? marks : thinned(marks, at)), { at, nextNumber }];
}

function thinned(marks: readonly Mark[], now: Date): readonly Mark[] {
  const kept: Mark[] = [];
  for (const mark of marks) {
    const last = kept.at(-1);
    const apart = last === undefined ? Number.POSITIVE_INFINITY : mark.at.getTime() - last.at.getTime();
    if (apart >= (now.getTime() - mark.at.getTime()) * COARSENESS) kept.push(mark);
  }
  return kept;
}
