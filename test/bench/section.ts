/** One measured line of the report. */
export interface Figure {
  readonly what: string;
  /** With its unit: `19.4 k/s`. */
  readonly ours: string;
  /** What ours is held against, measured in the same run. */
  readonly beside: string;
  /** Ours against what is beside it: above 1 is better. */
  readonly ratio?: number;
  /** The ratio that must be reached, and the one that is aimed at. */
  readonly floor?: number;
  readonly target?: number;
  /** For a figure without a ratio: whether it keeps what was promised. */
  readonly holds?: boolean;
  /** The promise itself: `≤ 60 ms`. */
  readonly promise?: string;
}

export interface Bench {
  /** Length of one measured window. */
  readonly seconds: number;
  /** Alternating windows per figure; the median is reported. */
  readonly rounds: number;
  readonly say: (sentence: string) => void;
  /** An empty folder for sockets and data, removed at the end. */
  readonly folder: string;
}

/** A part of `npm run bench`. New ones are added to sections.ts. */
export interface Section {
  /** Picks it on the command line: `npm run bench -- graph`. */
  readonly name: string;
  readonly title: string;
  /** What was measured against what, in a sentence or two; stands above the table. */
  readonly about: string;
  /** Left out of `npm run bench` unless named: it takes minutes. */
  readonly onlyWhenNamed?: boolean;
  /** What it starts (a database, workers) is shared out by the scheduler; otherwise the load keeps to one core. */
  readonly onEveryCore?: boolean;
  /** Stops everything it started, also when it throws. */
  readonly run: (bench: Bench) => Promise<readonly Figure[]>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')} req/s`;
export const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
