import { createHash } from 'node:crypto';
import type { HtmlPage } from '../route.ts';

/** Markup that is safe to put into a page: every value in it was escaped. */
export interface Html {
  readonly markup: string;
}

type Part = string | number | Html | readonly Html[];

/** Markup around values. Text is escaped, markup is taken as it is. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = strings
    .map((text, index) => text + (index < parts.length ? markupOf(parts[index] ?? '') : ''))
    .join('');
  return { markup };
}

function markupOf(part: Part): string {
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part));
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeText = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);

/** Prose with `code` in backticks, as descriptions of the contract are written. */
export const prose = (text: string): Html => ({
  markup: text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? `<code>${escapeText(part)}</code>` : escapeText(part)))
    .join(''),
});

export const code = (text: string, language: string): Html =>
  html`<pre class="code" tabindex="0" aria-label="Example, ${language}"><code>${text}</code></pre>`;

/** A whole page with its one style sheet inside, so that it needs nothing from elsewhere. */
export function writePage(title: string, style: string, body: Html): HtmlPage {
  const hash = createHash('sha256').update(style).digest('base64');
  const head = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
`;
  return {
    html: `${head.markup}<style>${style}</style>\n</head>\n<body>\n${body.markup}\n</body>\n</html>\n`,
    styleHashes: [`'sha256-${hash}'`],
  };
}
