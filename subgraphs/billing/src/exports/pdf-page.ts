import PDFDocument from 'pdfkit';
import { ARABIC_FONT, piecesOf } from './bidi-text.ts';

const MARGIN = 48;
/** Between two columns at least. */
const GAP = 4;
const LATIN = 'Helvetica';
const ARABIC = 'Arabic';

export interface TextOptions {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly align: 'left' | 'right' | 'center';
  readonly size?: number;
  readonly color?: string;
}

/** A page to write on: text of any direction, lines and bars. Units are points, y grows downwards. */
export interface PdfPage {
  readonly left: number;
  readonly width: number;
  readonly bottom: number;
  text(line: string, options: TextOptions): void;
  bar(x: number, y: number, width: number, height: number, color: string): void;
  rule(y: number): void;
  breakPage(): void;
  finish(): Promise<Buffer>;
}

export function openPdf(title: string): PdfPage {
  // Nothing of the machine's clock in it; what an export is about stands in its content.
  const pdf = new PDFDocument({ size: 'A4', margin: MARGIN, info: { Title: title, CreationDate: new Date(0) } });
  pdf.registerFont(ARABIC, ARABIC_FONT);
  const parts: Buffer[] = [];
  pdf.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve) => pdf.on('end', () => resolve()));
  const width = pdf.page.width - 2 * MARGIN;

  function measured(line: string, size: number) {
    const rightToLeft = /\p{Script=Arabic}/u.test(line);
    const pieces = piecesOf(line, rightToLeft ? 'rtl' : 'ltr').map((piece) => {
      const font = piece.arabic ? ARABIC : LATIN;
      return { ...piece, font, width: pdf.font(font).fontSize(size).widthOfString(piece.text) };
    });
    return { pieces, total: pieces.reduce((sum, piece) => sum + piece.width, 0) };
  }

  function text(line: string, { x, y, width, align, size: wanted = 10, color = '#1a1a1a' }: TextOptions): void {
    // An amount of many digits is set smaller rather than into its neighbour.
    const size = wanted * Math.min(1, (width - GAP) / Math.max(1, measured(line, wanted).total));
    const { pieces, total } = measured(line, size);
    let at = align === 'left' ? x : align === 'right' ? x + width - total : x + (width - total) / 2;
    for (const piece of pieces) {
      // The two fonts rise differently above their line; both are set on the same one.
      const rise = piece.font === ARABIC ? size * 0.32 : 0;
      pdf
        .font(piece.font)
        .fontSize(size)
        .fillColor(color)
        .text(piece.text, at, y - rise, { lineBreak: false });
      at += piece.width;
    }
  }

  return {
    left: MARGIN,
    width,
    bottom: pdf.page.height - MARGIN,
    text,
    bar: (x, y, barWidth, height, color) => void pdf.rect(x, y, barWidth, height).fill(color),
    rule: (y) =>
      void pdf
        .moveTo(MARGIN, y)
        .lineTo(MARGIN + width, y)
        .lineWidth(0.5)
        .stroke('#999999'),
    breakPage: () => void pdf.addPage(),
    async finish() {
      pdf.end();
      await ended;
      return Buffer.concat(parts);
    },
  };
}
