/** A cell of a report before anything is hidden: what is counted, and of how many patients. */
export interface Cell {
  readonly count: number;
  readonly patients: number;
}

/** Fewer patients than this could be recognised. */
export const MIN_PATIENTS = 5;

const isFew = ({ patients }: Cell) => patients < MIN_PATIENTS;
/** Nobody can be recognised in an empty cell: it is hidden, though what it is may follow from others. */
const isSmall = (cell: Cell) => isFew(cell) && cell.patients > 0;

/**
 * Which cells of a table with totals stay hidden: those of fewer than 5 patients, each total that one of them could be
 * computed from, and whole periods that are `closed`. The last row is of all providers, the last column of all periods. Pure.
 *
 * What is hidden depends on its period alone and never on what else was asked for, so that two reports cannot be
 * subtracted: of a period with a small cell the sum of all is hidden, and a sum over periods is shown when it says no more
 * than its parts, which are shown as well.
 *
 * @see docs/decisions/0092-no-report-minus-another.md
 * @see docs/rules.md#aggregated-reports
 */
export function suppress(table: readonly (readonly Cell[])[], closed: readonly boolean[]): boolean[][] {
  const providers = table.slice(0, -1);
  return table.map((row, at) => {
    const isOfAll = at === table.length - 1;
    const hides = (cell: Cell, column: number) =>
      closed[column] === true ||
      isFew(cell) ||
      (isOfAll && providers.some((provider) => isSmall(provider[column] ?? cell)));
    const periods = row.slice(0, -1);
    const hidden = periods.map(hides);
    const says = periods.every((cell, column) => !hidden[column] || (cell.patients === 0 && closed[column] !== true));
    const total = row.at(-1);
    return [...hidden, total === undefined || isFew(total) || !says];
  });
}
