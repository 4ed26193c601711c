import { ERRORS, type ErrorCode, slugOf } from '@bridgework/kernel/errors';
import { PROBLEM_GUIDES } from '../problem-guide.ts';
import { code, type Html, html, prose } from './html.ts';

const EXAMPLE = {
  type: '/api/v1/problems/amount-exceeds-balance',
  title: 'The amount is larger than what is owed.',
  status: 422,
  balance_minor: 5000,
  currency: 'SAR',
  instance: 'urn:request:req_7v2k9m4x0c8n5b1d6f3g7h2j4k',
  request_id: 'req_7v2k9m4x0c8n5b1d6f3g7h2j4k',
};

/** Refusals that only GraphQL gives. */
const GRAPHQL_ALONE: readonly ErrorCode[] = [
  'PERSISTED_DOCUMENT_REQUIRED',
  'PERSISTED_DOCUMENT_NOT_FOUND',
  'GRAPHQL_VALIDATION_FAILED',
  'DOCUMENT_RETIRED',
];

/** Every problem type with its meaning and remedy. */
export function problemTable(): Html {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((one) => !GRAPHQL_ALONE.includes(one));
  return html`<h2 class="part" id="errors">Errors</h2>
<p>A refusal is <code>application/problem+json</code> (<a href="https://www.rfc-editor.org/rfc/rfc9457">RFC 9457</a>). Decide by
<code>type</code>, which never changes its meaning; show <code>title</code> to a person; log <code>request_id</code>.
<code>errors[]</code> names each place in the body or the query by a JSON Pointer. No value that you sent is repeated.</p>
${code(JSON.stringify({ ...EXAMPLE, title: ERRORS.AMOUNT_EXCEEDS_BALANCE.title }, undefined, 2), 'JSON')}
<p>The order is fixed: who you are (401), what you may (403), media types (406, 415), size and form (413, 400), then the clinic's
rules (404, 409, 422). What belongs to somebody else answers exactly as what does not exist: 404.</p>
<div class="scroll"><table>
<thead><tr><th>Problem</th><th>What it means</th><th>What to do</th></tr></thead>
<tbody>${codes.map((one) => row(one))}</tbody>
</table></div>`;
}

function row(one: ErrorCode): Html {
  const { meaning, remedy } = PROBLEM_GUIDES[one];
  const slug = slugOf(one);
  return html`<tr id="problem-${slug}"><td><code>${ERRORS[one].status} ${slug}</code></td><td>${prose(meaning)}</td><td>${prose(remedy)}</td></tr>`;
}
