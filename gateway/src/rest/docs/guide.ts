import { code, type Html, html } from './html.ts';
import { tabs } from './operation-section.ts';

/** What a partner reads before the reference. */
export const guide = (place: { readonly baseUrl: string; readonly environment: string }): Html => html`
${start(place)}
${authentication()}
${requests()}
${paging()}
${idempotency()}
${limits()}
${versions()}
${production()}`;

const start = ({ baseUrl, environment }: { readonly baseUrl: string; readonly environment: string }): Html =>
  html`<h2 class="part" id="start">First call</h2>
<p>Put where the clinic listens and your token into the environment; every example on this page can then be pasted as it is.</p>
${code(`export BRIDGEWORK=${baseUrl || 'http://127.0.0.1:4000'}\nexport TOKEN=dci_test_…`, 'shell')}
${tabs(
  'start',
  'curl -s "$BRIDGEWORK/api/v1/me" -H "Authorization: Bearer $TOKEN"',
  `const response = await fetch(\`\${process.env.BRIDGEWORK}/api/v1/me\`, {
  headers: { Authorization: \`Bearer \${process.env.TOKEN}\` },
});
console.log(response.status, await response.json());`,
)}
<p>It answers who your token is, which scopes it carries, how much it may ask for and when its integration is reviewed next.
${environment === 'sandbox' ? 'This is a sandbox: the clinic is made up, and nothing you do here touches a real one.' : ''}</p>`;

const authentication = (): Html => html`<h2 class="part" id="authentication">Authentication</h2>
<p>Send <code>Authorization: Bearer &lt;token&gt;</code> with each request. A manager of the clinic issues tokens, within the scopes
that were approved for your integration; a token is shown once. <code>dci_test_…</code> works in the sandbox,
<code>dci_live_…</code> in production, and neither in the other.</p>
<p>A token that is unknown, revoked or expired answers 401, always alike. A missing scope answers 403 and names in
<code>WWW-Authenticate</code> what is needed. Keep tokens on servers: there is no CORS, and a browser has no business with one.</p>`;

const requests = (): Html => html`<h2 class="part" id="requests">Requests and answers</h2>
<p>JSON in UTF-8 both ways, never compressed on the way in. Instants are RFC 3339; answers give them in UTC with milliseconds.
Money is an integer in the currency's smallest unit beside its ISO 4217 code: <code>10000</code> is 100.00 SAR and 10.000 KWD.
Ids are opaque.</p>
<p>Input is strict: an unknown field or parameter, one that is given twice, <code>1e2</code> or <code>"100"</code> for an integer
is refused with 400 and its place. Output is open: fields may be added, so ignore those you do not know.</p>
<p>Each answer carries <code>Request-Id</code>. What shows something of a patient is <code>no-store</code>; everything else has a
strong <code>ETag</code>, and <code>If-None-Match</code> gets 304. <code>HEAD</code> works wherever <code>GET</code> does; another
verb gets 405 with <code>Allow</code>. Paths have no trailing slash.</p>`;

const paging = (): Html => html`<h2 class="part" id="paging">Lists and walks</h2>
<p>A list answers <code>data</code>, <code>has_more</code> and <code>next_cursor</code>, 25 entries unless <code>limit</code> (1 to
100) says otherwise; <code>Link: rel="next"</code> is the next page ready to call. A cursor belongs to your integration and to the
filters it was given for; anything else is 400. There is no total.</p>
<p>To keep a copy, walk with <code>updated_since</code> to the end, keep the answer's <code>next_updated_since</code>, and begin the next
walk there. No walk shows an entry twice, and together they miss nothing, whoever writes in the meantime. An entry may come again in
the next walk: store by <code>id</code>.</p>
${tabs(
  'walk',
  'curl -s "$BRIDGEWORK/api/v1/appointments?updated_since=2026-01-01T00:00:00Z&limit=100" \\\n  -H "Authorization: Bearer $TOKEN"',
  `async function* walk(since) {
  let path = \`/api/v1/appointments?limit=100&updated_since=\${encodeURIComponent(since)}\`;
  while (path) {
    const response = await fetch(process.env.BRIDGEWORK + path, {
      headers: { Authorization: \`Bearer \${process.env.TOKEN}\` },
    });
    const page = await response.json();
    if (!response.ok) throw new Error(\`\${page.title} (\${page.request_id})\`);
    yield page; // keep page.next_updated_since of the last one
    path = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  }
}`,
)}`;

const idempotency = (): Html => html`<h2 class="part" id="idempotency">Idempotency</h2>
<p>A write wants an <code>Idempotency-Key</code>: 1 to 255 visible ASCII characters, new for each operation. Store it before you send,
and repeat it, with the same body, until you have an answer. A repetition answers what the first one did, with
<code>Idempotent-Replayed: true</code>, for 30 days; while the first is still running it waits up to two seconds, then 409
<code>idempotency-in-progress</code>. The same key with another body is 422 <code>idempotency-key-reused</code>.</p>
<p>What was refused for its form (400), for who asks (401, 403), or for want of capacity (429, 503) was not stored: mend it, or wait, and
send the same key again. A payment is safe even without its key: <code>terminal_id</code> with <code>terminal_txn_id</code> is one payment
for ever.</p>
${tabs(
  'idempotency',
  `# the same key until there is an answer
KEY=$(uuidgen)
until curl -sf "$BRIDGEWORK/api/v1/payment-confirmations" -H "Authorization: Bearer $TOKEN" \\
  -H "Idempotency-Key: $KEY" -H 'Content-Type: application/json' -d @payment.json
do sleep 2; done`,
  `async function confirm(payment, key) {
  for (;;) {
    const response = await fetch(\`\${process.env.BRIDGEWORK}/api/v1/payment-confirmations\`, {
      method: 'POST',
      headers: {
        Authorization: \`Bearer \${process.env.TOKEN}\`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      body: JSON.stringify(payment),
    }).catch(() => undefined);
    const again = response === undefined || [429, 503].includes(response.status) || response.headers.has('retry-after');
    if (!again) return response;
    const seconds = Number(response?.headers.get('retry-after') ?? 2);
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}`,
)}`;

const limits = (): Html => html`<h2 class="part" id="limits">Limits and retries</h2>
<p><code>RateLimit-Policy</code> and <code>RateLimit</code> tell with each answer what your token may ask for within a window and what is left
of it. Beyond that the answer is 429 with <code>Retry-After</code>. 503 with <code>Retry-After</code> says that a part of the system is
away and that nothing was stored. Wait at least that long, then a little longer each time.</p>`;

const versions = (): Html => html`<h2 class="part" id="versions">Versions</h2>
<p>Inside v1 only additions happen: operations, optional inputs, response fields. A breaking change makes a new version beside the old
one, which goes on for twelve months at least. Operations on their way out say so in <code>Deprecation</code>, <code>Sunset</code> and
<code>Link</code>, and answer 410 after their sunset. <a href="/api/v1/versions">/api/v1/versions</a> tells the same to programs;
<a href="/api/v2/openapi.json">v2</a> has a first resource, <code>/api/v2/appointments</code>.</p>`;

/** What docs/partner-guide.md walks through, with a command for each step. */
const production = (): Html => html`<h2 class="part" id="production">From the sandbox to production</h2>
<p>The partner guide (<code>docs/partner-guide.md</code>, which comes with the sandbox) walks from the first call to production in one sitting, a
command for each step. Before you ask the clinic for a <code>dci_live_…</code> token, your program:</p>
<ul>
<li>takes address, token and webhook secret from its environment, and goes on when one is replaced: a rotated token overlaps for up to seven days;</li>
<li>repeats a write under the same <code>Idempotency-Key</code> until there is an answer, and waits as long as <code>Retry-After</code> says;</li>
<li>keeps the <code>event_id</code>s it has worked on, and verifies before it believes;</li>
<li>logs <code>Request-Id</code> and never a patient; <a href="#op-requests">/api/v1/requests</a> tells what became of each;</li>
<li>asks for the scopes it needs and no more: one that writes or identifies patients is approved on its own, with a reason and an end.</li>
</ul>
<p>A manager registers the integration and another one approves it. In production address and token are others and everything else is the same:
<a href="#op-me">/api/v1/me</a> says <code>production</code>, endpoints are created anew and approved by a manager, sandbox events are refused.
Every few months the clinic reviews the integration: <code>review_due_on</code> in <code>/me</code>.</p>`;
