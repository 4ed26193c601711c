/** A cell of a report before anything is hidden: what is counted, and of how many patients. */
export interface Cell {
  readonly count: number;
  readonly patients: number;
}

/** Fewer patients than this could be recognised. */
export const MIN_PATIENTS = 5;

/**
 * Which cells of a table with totals must stay hidden: those of fewer than 5 patients, and as many others that nobody can
 * compute a hidden one from what is shown. The last row and the last column are the totals. Pure.
 *
 * In each line the shown cells and the shown total give away the sum of the hidden ones: so one hidden cell never stands
 * alone, and hidden cells together are of 5 patients at least.
 *
 * @see docs/rules.md#aggregated-reports
 */
export function suppress(table: readonly (readonly Cell[])[]): boolean[][] {
  const hidden = table.map((row) => row.map(({ patients }) => patients < MIN_PATIENTS));
  const lines = linesOf(table);
  // Each round hides at least one more cell, so it ends.
  for (let changed = true; changed; ) {
    changed = false;
    for (const line of lines) {
      const closed = line.filter(([row, column]) => hidden[row]?.[column]);
      const patients = closed.reduce((sum, [row, column]) => sum + (table[row]?.[column]?.patients ?? 0), 0);
      if (closed.length === 0 || (closed.length > 1 && patients >= MIN_PATIENTS)) continue;
      const next = smallestShown(table, hidden, line);
      if (next === undefined) continue;
      const [row, column] = next;
      const cells = hidden[row];
      if (cells === undefined) continue;
      cells[column] = true;
      changed = true;
    }
  }
  return hidden;
}

type Place = readonly [row: number, column: number];

function linesOf(table: readonly (readonly Cell[])[]): Place[][] {
  const rows = table.map((row, at) => row.map((_, column): Place => [at, column]));
  const columns = (table[0] ?? []).map((_, column) => table.map((_row, at): Place => [at, column]));
  return [...rows, ...columns];
}

/** An empty cell hides nothing: adding it would leave the sum of the hidden ones as it is. Its neighbours come first. */
function smallestShown(
  table: readonly (readonly Cell[])[],
  hidden: readonly (readonly boolean[])[],
  line: readonly Place[],
) {
  return line
    .filter(([row, column]) => !hidden[row]?.[column])
    .toSorted((a, b) => (table[a[0]]?.[a[1]]?.patients ?? 0) - (table[b[0]]?.[b[1]]?.patients ?? 0))[0];
}
