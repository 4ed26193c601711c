import { exampleOf } from './examples.ts';
import { code, type Html, html, prose } from './html.ts';
import { type OpenApi, schemaOf } from './openapi-reader.ts';
import { fieldList } from './operation-section.ts';

const VERIFY = `import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks'; // npm install standardwebhooks

const webhook = new Webhook(process.env.WEBHOOK_SECRET); // whsec_…

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const event = webhook.verify(Buffer.concat(chunks), request.headers);
    await store(event.event_id, event); // once per event_id, then work on it
    response.writeHead(204).end();
  } catch {
    response.writeHead(400).end();
  }
}).listen(8080);`;

/** How events arrive, and how to know that they are genuine. */
export const webhookGuide = (): Html => html`<h2 class="part" id="webhooks">Webhooks</h2>
<p>Events are pushed to your endpoint as they happen, at least once each: <code>webhook-id</code> stays the same over every attempt, so keep
the ids you have worked on. Answer 2xx within ten seconds; anything else is tried again after 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h,
12 h and then daily, ten times in all. Redirects are not followed. 410 switches the endpoint off.</p>
<p>Signatures follow <a href="https://www.standardwebhooks.com">Standard Webhooks 1.0</a>, so its libraries verify them unchanged. Verify
the bytes as they came, before you parse them. While a secret is changed both are signed with.</p>
${code(VERIFY, 'JavaScript')}
<p>An endpoint receives nothing before it has answered a signed challenge (<code>endpoint.verification</code>) with 2xx. Missed something?
The feed of your endpoint holds thirty days of events in gap-free order, signed like the push.</p>`;

/** What each event carries. */
export function webhookReference(openapi: OpenApi): Html {
  return html`<h2 class="part" id="events">Events</h2>
<p>Subscribing needs <code>webhook:receive</code> and the read scope of the event; amounts are left out without <code>read:financials</code>.</p>
${Object.entries(openapi.webhooks).map(([type, { post }]) => {
  const schema = post.requestBody && schemaOf(post.requestBody);
  return html`<section class="operation" id="event-${type.replace('.', '-')}">
<h3>${type}</h3>
<p>${prose(post.summary)}</p>
<div class="columns"><div>${schema === undefined ? html`` : fieldList(openapi, schema)}</div>
<div>${schema === undefined ? html`` : code(JSON.stringify(exampleOf(openapi, schema), undefined, 2), 'JSON')}</div></div>
</section>`;
})}`;
}
