import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Why there is no LibreOffice to open files with; undefined when there is. */
export function whyNoLibreOffice(): string | undefined {
  try {
    execFileSync('sh', ['-c', 'command -v soffice'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'SKIPPED: no soffice on PATH; apt-get install libreoffice-calc to open the exports in LibreOffice';
  }
}

/** A cell as LibreOffice understands it, not as the file writes it. */
export interface OpenedCell {
  /** `float`, `date`, `string` …; undefined for an empty one. */
  readonly type: string | undefined;
  readonly value: string;
  readonly formula: string | undefined;
}
export interface OpenedSheet {
  /** `rl-tb` when its first column stands on the right. */
  readonly writingMode: string | undefined;
  readonly rows: readonly (readonly OpenedCell[])[];
}

/**
 * Opens files in LibreOffice, all of one kind at once, and reads what it made of them. `filter` is what a person
 * chooses in the dialog that opens a CSV.
 */
export async function openInLibreOffice(
  folder: string,
  files: Readonly<Record<string, Buffer>>,
  filter?: string,
): Promise<Readonly<Record<string, OpenedSheet>>> {
  const out = join(folder, 'opened');
  await mkdir(out, { recursive: true });
  const names = Object.keys(files);
  for (const name of names) await writeFile(join(folder, name), files[name] ?? '');
  await run([
    // A profile of its own: a LibreOffice that somebody else has open would take the files instead.
    `-env:UserInstallation=file://${folder}/profile`,
    '--headless',
    ...(filter === undefined ? [] : [`--infilter=${filter}`]),
    '--convert-to',
    'fods',
    '--outdir',
    out,
    ...names.map((name) => join(folder, name)),
  ]);
  const opened = names.map(async (name) => {
    const xml = await readFile(join(out, name.replace(/\.\w+$/, '.fods')), 'utf8');
    return [name, readSheet(xml)] as const;
  });
  return Object.fromEntries(await Promise.all(opened));
}

async function run(args: readonly string[]): Promise<void> {
  // `soffice` is a script that starts others: they end as one group.
  const office = spawn('soffice', args, { stdio: 'ignore', detached: true });
  const deadline = setTimeout(() => office.pid !== undefined && process.kill(-office.pid, 'SIGKILL'), 90_000);
  const [code] = await once(office, 'exit');
  clearTimeout(deadline);
  if (code !== 0) throw new Error(`soffice ended with ${code}.`);
}

function readSheet(xml: string): OpenedSheet {
  const table = /<table:table table:name="[^"]*" table:style-name="(?<style>[^"]+)"/.exec(xml)?.groups?.style;
  const style = new RegExp(`<style:style style:name="${table}"[^>]*>.*?</style:style>`, 's').exec(xml)?.[0];
  const rows = [...xml.matchAll(/<table:table-row\b[^>]*>(?<cells>.*?)<\/table:table-row>/gs)]
    .map(({ groups }) => readRow(groups?.cells ?? ''))
    .filter((row) => row.length > 0);
  return { writingMode: /writing-mode="([^"]+)"/.exec(style ?? '')?.[1], rows };
}

function readRow(xml: string): OpenedCell[] {
  const cells = [...xml.matchAll(/<table:table-cell\b(?<said>[^>]*?)(?:\/>|>(?<inner>.*?)<\/table:table-cell>)/gs)];
  return cells.flatMap(({ groups }) => {
    const said = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(groups?.said ?? '')?.[1];
    const type = said('office:value-type');
    // Empty cells up to the edge of the sheet are one element.
    if (type === undefined) return [];
    const written = [...(groups?.inner ?? '').matchAll(/<text:p>(.*?)<\/text:p>/gs)].map(([, line]) => line).join('\n');
    const value = said('office:value') ?? said('office:date-value') ?? unescaped(written);
    const cell = { type, value, formula: said('table:formula') };
    return Array.from({ length: Number(said('table:number-columns-repeated') ?? 1) }, () => cell);
  });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescaped = (xml: string): string =>
  xml.replace(/<text:(?:tab|s)\/>/g, ' ').replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
