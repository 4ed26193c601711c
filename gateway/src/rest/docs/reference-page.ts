import { readContract } from '@bridgework/kernel/contract-files';
import type { HtmlPage, RouteFacts } from '../route.ts';
import { guide } from './guide.ts';
import { type Html, html, prose, writePage } from './html.ts';
import type { OpenApi, OperationDoc } from './openapi-reader.ts';
import { operationSection } from './operation-section.ts';
import { problemTable } from './problem-table.ts';
import { STYLE } from './style.ts';
import { webhookGuide, webhookReference } from './webhook-section.ts';

interface Listed {
  readonly method: string;
  readonly path: string;
  readonly operation: OperationDoc;
}

let written: { readonly key: string; readonly page: HtmlPage } | undefined;

/** The reference for people, made of the committed OpenAPI file; written once for each origin. */
export function writeReferencePage({ baseUrl, environment }: Pick<RouteFacts, 'baseUrl' | 'environment'>): HtmlPage {
  const key = `${environment} ${baseUrl}`;
  if (written?.key !== key) {
    const openapi = JSON.parse(readContract('rest/v1.openapi.json')) as OpenApi;
    const title = `${openapi.info.title} v1`;
    written = { key, page: writePage(title, STYLE, body(openapi, { title, baseUrl, environment })) };
  }
  return written.page;
}

function body(openapi: OpenApi, place: { title: string; baseUrl: string; environment: string }): Html {
  const byTag = openapi.tags.map((tag) => ({ ...tag, operations: operationsOf(openapi, tag.name) }));
  const tags = byTag.filter(({ operations }) => operations.length > 0);
  return html`<div class="shell">
<nav aria-label="Contents">
<a class="brand" href="#top">Bridgework REST API</a>
<div class="version">v1 · ${openapi.info.version} · ${place.environment}</div>
<h2>Guide</h2>
<ul>${GUIDE.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul>
<div class="wide">${tags.map(
    ({ name, operations }) => html`<h2>${name}</h2>
<ul>${operations.map(({ operation }) => html`<li><a href="#op-${operation.operationId}">${short(operation.summary)}</a></li>`)}</ul>`,
  )}</div>
</nav>
<main id="top">
<h1>${place.title}</h1>
<p class="lead">Read what the clinic lets you read, confirm what your terminal has captured, and be told what happened.</p>
${guide(place)}
${webhookGuide()}
${problemTable()}
<h2 class="part" id="reference">Reference</h2>
<p>The same as <a href="/api/v1/openapi.json">OpenAPI 3.1</a>, from which this page is made.</p>
<p>${tags.map(({ name }) => html`<a href="#tag-${name.toLowerCase()}">${name}</a> `)}</p>
${tags.map(
  ({ name, description = '', operations }) => html`<h2 class="part" id="tag-${name.toLowerCase()}">${name}</h2>
<p>${prose(description)}</p>
${operations.map(({ method, path, operation }) => operationSection(openapi, method, path, operation))}`,
)}
${webhookReference(openapi)}
</main>
</div>`;
}

const GUIDE = [
  ['start', 'First call'],
  ['authentication', 'Authentication'],
  ['requests', 'Requests and answers'],
  ['paging', 'Lists and walks'],
  ['idempotency', 'Idempotency'],
  ['limits', 'Limits and retries'],
  ['versions', 'Versions'],
  ['production', 'To production'],
  ['webhooks', 'Webhooks'],
  ['errors', 'Errors'],
  ['reference', 'Reference'],
] as const;

const operationsOf = (openapi: OpenApi, tag: string): Listed[] =>
  Object.entries(openapi.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { tags }]) => tags.includes(tag))
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

/** The first clause of a summary, for the list of contents. */
const short = (summary: string): string => summary.replace(/[.;,:](?:\s.*)?$/, '');
