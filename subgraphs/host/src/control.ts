import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ControlRequest, ControlRoute } from '@bridgework/kernel/subgraph';

/**
 * Answers a control request: one JSON value, or newline-delimited JSON for as long as the route gives lines. A slow
 * reader holds the route back instead of filling memory.
 */
export async function answerControl(
  route: ControlRoute,
  request: ControlRequest,
  response: ServerResponse,
): Promise<void> {
  const answer = route(request);
  if (!isStream(answer)) {
    const text = JSON.stringify((await answer) ?? {});
    response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  for await (const line of answer) {
    if (request.signal.aborted) break;
    if (!response.write(`${JSON.stringify(line)}\n`)) await once(response, 'drain', { signal: request.signal });
  }
  response.end();
}

const isStream = (answer: object): answer is AsyncIterable<unknown> => Symbol.asyncIterator in answer;
