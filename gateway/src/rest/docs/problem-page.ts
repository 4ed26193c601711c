import type { HtmlPage } from '../route.ts';
import { html, prose, writePage } from './html.ts';
import { STYLE } from './style.ts';

export interface ProblemType {
  readonly slug: string;
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly meaning: string;
  readonly remedy: string;
}

/** What a person sees who opens a problem's `type`. */
export const writeProblemPage = ({ slug, code, title, status, meaning, remedy }: ProblemType): HtmlPage =>
  writePage(
    `${slug} · Bridgework`,
    STYLE,
    html`<main class="single">
<p class="lead">Problem type</p>
<h1>${slug}</h1>
<p><span class="chip">HTTP ${status}</span> <span class="chip">${code}</span></p>
<p><strong>${title}</strong></p>
<h4>What it means</h4>
<p>${prose(meaning)}</p>
<h4>What to do</h4>
<p>${prose(remedy)}</p>
<p><a href="/api/v1/docs#errors">All problem types</a></p>
</main>`,
  );
