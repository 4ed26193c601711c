import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeMachine } from './cores.ts';
import type { Figure } from './section.ts';

export interface SectionReport {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly figures: readonly Figure[];
  readonly measuredOn: string;
}

const PAGE = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

const HEAD = `# Benchmarks

Written by \`npm run bench\`. Every ratio is of two things measured in turns in one run on one machine: medians of alternating
windows, the gateway kept to one core, load and subgraphs on the other. All checks are on: token, scopes, quota, cost,
variables, signed caller, log line. Figures of another machine differ; the ratios should not.
`;

/** One table for the terminal: what, ours, beside, ratio, what is promised. */
export function renderTable(reports: readonly SectionReport[]): string {
  const rows = reports.flatMap(({ title, figures }) => [
    [`# ${title}`, '', '', '', ''],
    ...figures.map((one) => [one.what, one.ours, one.beside, ratioOf(one), promiseOf(one)]),
  ]);
  const all = [['', 'ours', 'beside it', 'ratio', 'promised'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

/** The page: fresh sections as they are now, the others as the page has them. */
export function renderReport(
  fresh: readonly SectionReport[],
  kept: ReadonlyMap<string, string>,
  order: readonly string[],
): string {
  const parts = order.flatMap((name) => {
    const report = fresh.find((one) => one.name === name);
    const part = report === undefined ? kept.get(name) : renderSection(report);
    return part === undefined ? [] : [part];
  });
  return `${[HEAD, ...parts].join('\n')}`;
}

function renderSection({ name, title, about, figures, measuredOn }: SectionReport): string {
  const lines = figures.map(
    (one) => `| ${[one.what, one.ours, one.beside, ratioOf(one), promiseOf(one)].join(' | ')} |`,
  );
  return `<!-- section ${name} -->
## ${title}

${about}

Measured on ${measuredOn}: ${describeMachine()}.

| | ours | beside it | ratio | promised |
|---|---|---|---|---|
${lines.join('\n')}
`;
}

const ratioOf = ({ ratio }: Figure): string =>
  ratio === undefined ? '' : `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;

function promiseOf({ ratio, floor, target, promise, holds }: Figure): string {
  if (promise !== undefined) return holds === undefined ? promise : `${promise}: ${holds ? 'kept' : 'MISSED'}`;
  if (floor === undefined || ratio === undefined) return '';
  const reached = ratio >= (target ?? floor) ? 'target reached' : ratio >= floor ? 'floor reached' : 'MISSED';
  return `floor ${Number(floor.toFixed(2))}×${target === undefined ? '' : `, target ${target}×`}: ${reached}`;
}

/** The sections of the page as it is. */
export function readReport(): ReadonlyMap<string, string> {
  if (!existsSync(PAGE)) return new Map();
  const [, ...parts] = readFileSync(PAGE, 'utf8').split(/^(?=<!-- section )/m);
  return new Map(parts.map((part) => [/^<!-- section (\S+) -->/.exec(part)?.[1] ?? '', part]));
}

export const writeReport = (page: string): void => writeFileSync(PAGE, page);
