import type { Content } from './content.ts';
import type { ExportFormat } from './export.ts';
import { renderCsv } from './render-csv.ts';
import { renderPdf } from './render-pdf.ts';
import { renderXlsx } from './render-xlsx.ts';

/** Every format of an export. Renderers are not byte-stable over their versions: what they made is kept. */
export async function renderFiles(content: Content): Promise<Readonly<Record<ExportFormat, Buffer>>> {
  const [xlsx, pdf] = await Promise.all([renderXlsx(content.table), renderPdf(content)]);
  return { CSV: renderCsv(content.table), XLSX: xlsx, JSON: Buffer.from(content.text, 'utf8'), PDF: pdf };
}
