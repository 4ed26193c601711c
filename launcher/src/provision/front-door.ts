/** The gateway's GraphQL door, as a manager uses it. */
export interface FrontDoor {
  readonly graphqlUrl: string;
}

/** What the graph answered; throws its errors in one sentence. */
export async function callAs<Data>(
  { graphqlUrl }: FrontDoor,
  jwt: string,
  query: string,
  variables: Record<string, unknown>,
): Promise<Data> {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${jwt}` },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  const answer = parse(text);
  if (answer.errors !== undefined || answer.data === undefined || answer.data === null) {
    const said = answer.errors?.map(({ message, extensions }) => `${message} ${describe(extensions)}`).join(' ');
    throw new Error(`The gateway answered ${response.status}: ${said ?? text.slice(0, 500)}`);
  }
  return answer.data as Data;
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

function parse(text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return {};
  }
}

const describe = (extensions: Record<string, unknown> | undefined): string =>
  extensions === undefined ? '' : `(${[extensions.code, JSON.stringify(extensions.errors ?? [])].join(' ')})`;
