/** The first row; throws this sentence when there is none. */
export function only<Row>(rows: readonly Row[], otherwise: string): Row {
  const [row] = rows;
  if (row === undefined) throw new Error(otherwise);
  return row;
}
