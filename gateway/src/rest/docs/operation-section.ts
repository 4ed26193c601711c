import { curlExample, exampleOf, exampleTarget, javascriptExample } from './examples.ts';
import { code, type Html, html, prose } from './html.ts';
import { type OpenApi, type OperationDoc, resolve, type Schema, schemaOf, withoutNull } from './openapi-reader.ts';

const NOTHING = html``;

/** One operation: what it is for, what it takes and answers, and how to call it. */
export function operationSection(openapi: OpenApi, method: string, path: string, operation: OperationDoc): Html {
  const { summary, description, parameters = [], requestBody, operationId } = operation;
  const body = requestBody && schemaOf(requestBody);
  return html`<section class="operation" id="op-${operationId}">
<h3>${summary}</h3>
<div class="route"><span class="method ${method.toLowerCase()}">${method}</span><code>${path}</code>${scopes(operation)}</div>
<div class="columns">
<div>
${description === summary ? NOTHING : html`<p>${prose(description)}</p>`}
${parameters.length === 0 ? NOTHING : html`<h4>Parameters</h4><ul class="fields">${parameters.map((one) => fieldItem(openapi, one.name, withPlace(one), one.required))}</ul>`}
${body === undefined ? NOTHING : html`<h4>Body</h4>${fieldList(openapi, resolve(openapi, body))}`}
${answers(openapi, operation)}
${refusals(operation)}
</div>
<div>${examples(openapi, method, path, operation)}</div>
</div>
</section>`;
}

const withPlace = ({
  in: place,
  schema,
  description,
}: {
  in: string;
  schema: Schema;
  description?: string;
}): Schema => ({
  ...schema,
  description: [place === 'query' ? '' : `In the ${place}.`, description ?? ''].join(' ').trim(),
});

function scopes({ security }: OperationDoc): Html {
  if (security.length === 0) return html`<span class="chip">no token needed</span>`;
  const alternatives = security.map(({ integrationToken = [] }) => integrationToken.join(' + '));
  return html`<span class="chip">${alternatives.every((one) => one === '') ? 'any token' : alternatives.join(' or ')}</span>`;
}

/** The members of an object, those of inner objects below them. */
export function fieldList(openapi: OpenApi, schema: Schema): Html {
  const required = new Set(schema.required ?? []);
  const items = Object.entries(schema.properties ?? {}).map(([name, part]) =>
    fieldItem(openapi, name, part, required.has(name)),
  );
  return items.length === 0 ? NOTHING : html`<ul class="fields">${items}</ul>`;
}

function fieldItem(openapi: OpenApi, name: string, given: Schema, required: boolean): Html {
  const { schema, nullable } = withoutNull(resolve(openapi, given));
  const inner = schema.items === undefined ? schema : resolve(openapi, schema.items);
  const values = (inner.enum ?? []).map(String);
  return html`<li><span class="name">${name}</span><span class="type">${typeOf(openapi, schema)}${nullable ? ' or null' : ''}</span>${required ? html`<span class="required">required</span>` : NOTHING}
${schema.description ? html`<p>${prose(schema.description)}</p>` : NOTHING}
${values.length > 0 && values.length <= 12 ? html`<p>${values.map((value) => html`<code>${value}</code> `)}</p>` : NOTHING}
${inner.properties === undefined ? NOTHING : fieldList(openapi, inner)}</li>`;
}

function typeOf(openapi: OpenApi, schema: Schema): string {
  if (schema.items !== undefined) return `list of ${typeOf(openapi, resolve(openapi, schema.items))}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.format === 'date-time') return 'instant';
  if (schema.format === 'date') return 'day';
  const bounds = [schema.minimum, schema.maximum].every((one) => one !== undefined && Math.abs(one) < 1e9)
    ? `, ${schema.minimum} to ${schema.maximum}`
    : '';
  return `${typeof schema.type === 'string' ? schema.type : 'any value'}${bounds}`;
}

function answers(openapi: OpenApi, { responses }: OperationDoc): Html {
  const shown = Object.entries(responses).flatMap(([status, response]) => {
    const schema = schemaOf(response);
    return schema === undefined || status >= '300' ? [] : [{ status, schema }];
  });
  const [first] = shown;
  if (first === undefined) return NOTHING;
  return html`<h4>Answer ${shown.map(({ status }) => status).join(' or ')}</h4>
<details><summary>Fields</summary>${fieldList(openapi, resolve(openapi, first.schema))}</details>`;
}

function refusals({ responses }: OperationDoc): Html {
  const slugs = Object.entries(responses).flatMap(([status, { 'x-problem-types': types = [] }]) =>
    types.map((slug) => ({ status, slug })),
  );
  if (slugs.length === 0) return NOTHING;
  return html`<details><summary>Refusals</summary><p>${slugs.map(
    ({ status, slug }) => html`<a href="#problem-${slug}"><code>${status} ${slug}</code></a> `,
  )}</p></details>`;
}

function examples(openapi: OpenApi, method: string, path: string, operation: OperationDoc): Html {
  const call = { method, target: exampleTarget(path, operation), operation };
  const successes = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
  // What a first call gets: 201 rather than the 200 of a repetition.
  const success = successes.find(([status]) => status === '201') ?? successes[0];
  const schema = success && schemaOf(success[1]);
  return html`${tabs(operation.operationId, curlExample(openapi, call), javascriptExample(openapi, call))}
${schema === undefined || success === undefined ? NOTHING : html`<h4>${success[0]}</h4>${code(JSON.stringify(exampleOf(openapi, schema), undefined, 2), 'JSON')}`}`;
}

/** curl and JavaScript, switched without a script. */
export const tabs = (id: string, curl: string, javascript: string): Html => html`<div class="tabs">
<input type="radio" name="tab-${id}" id="tab-${id}-curl" checked><label for="tab-${id}-curl">curl</label>
<input type="radio" name="tab-${id}" id="tab-${id}-js"><label for="tab-${id}-js">JavaScript</label>
<div class="pane">${code(curl, 'curl')}</div>
<div class="pane">${code(javascript, 'JavaScript')}</div>
</div>`;
