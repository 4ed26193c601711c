import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keepToCore, letUseEveryCore } from './cores.ts';
import { readReport, renderReport, renderTable, type SectionReport, writeReport } from './report.ts';
import type { Section } from './section.ts';
import { sections } from './sections.ts';

/**
 * `npm run bench [-- SECTION…] [--seconds 4] [--rounds 3] [--no-write]`: measures, prints one table of ratios and writes
 * docs/benchmarks.md. A section that was not run keeps the figures of its last run.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    'no-write': { type: 'boolean', default: false },
  },
});

const say = (sentence: string): void => {
  process.stderr.write(`${sentence}\n`);
};

function chosen(): readonly Section[] {
  if (positionals.length === 0) return sections.filter(({ onlyWhenNamed }) => onlyWhenNamed !== true);
  return positionals.map((name) => {
    const section = sections.find((one) => one.name === name);
    if (section === undefined) {
      throw new Error(`No section is called ${name}; there are ${sections.map((one) => one.name).join(', ')}.`);
    }
    return section;
  });
}

const fresh: SectionReport[] = [];
for (const { name, title, about, run, onEveryCore = false } of chosen()) {
  say(`\n${title}`);
  // The load comes from one core, the measured gateway has the other for itself.
  if (onEveryCore) letUseEveryCore(process.pid);
  else keepToCore(process.pid, 1);
  const folder = mkdtempSync(join(tmpdir(), 'bwb-'));
  try {
    const bench = { seconds: Number(values.seconds), rounds: Number(values.rounds), say, folder };
    const figures = await run(bench);
    fresh.push({ name, title, about, figures, measuredOn: new Date().toISOString().slice(0, 10) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.stdout.write(`\n${renderTable(fresh)}\n`);
if (!values['no-write']) {
  const order = sections.map(({ name }) => name);
  writeReport(renderReport(fresh, readReport(), order));
}
const missed = fresh.flatMap(({ figures }) => figures).filter((one) => one.holds === false);
if (missed.length > 0) say(`Below what is promised: ${missed.map(({ what }) => what).join('; ')}.`);
