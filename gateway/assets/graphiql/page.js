/* global React, ReactDOM, GraphiQL */
// The token lives in this tab alone and leaves it only as a header to our own origin.
const KEY = 'bridgework-token';
const who = document.getElementById('who');
const field = document.getElementById('token');
const root = ReactDOM.createRoot(document.getElementById('graphiql'));

const FIRST_QUERY = `# Everything here is made up.
# Ctrl-Space completes, Ctrl-Enter runs.
# At most: depth 8, 15 aliases, 5 root
# fields, lists of 50, cost 300.
query WhoAmI {
  me {
    kind
    name
    scopes
    expiresAt
  }
}
`;

async function ask(parameters) {
  const token = sessionStorage.getItem(KEY);
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(parameters),
  });
  return answer.json();
}

/** A new element for each token: the explorer then reads the graph again. */
function render() {
  const token = sessionStorage.getItem(KEY);
  root.render(
    React.createElement(GraphiQL, {
      key: token ?? 'none',
      fetcher: ask,
      defaultQuery: FIRST_QUERY,
      isHeadersEditorEnabled: false,
      // Without a token nothing is asked: an error of ours would only be in the way.
      ...(token ? {} : { schema: null }),
    }),
  );
}

/** Says below the title whose token it is, or what is wrong with it. */
function introduce() {
  if (!sessionStorage.getItem(KEY)) return;
  describeCaller().catch(() => {
    who.textContent = 'The gateway did not answer; is the sandbox still running?';
  });
}

async function describeCaller() {
  const { data, errors } = await ask({ query: '{ me { name scopes } }' });
  const [error] = errors ?? [];
  who.textContent = error
    ? `${error.message} (${error.extensions?.code})`
    : `${data.me.name}: ${data.me.scopes.join(', ') || 'no scopes'}`;
}

document.getElementById('identity').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, field.value.trim());
  field.value = '';
  render();
  introduce();
});

/** A link may bring the token behind the #, which no server sees; it is taken out of the address at once. */
function takeTokenFromLink() {
  const given = /^#token=([\w.-]+)$/.exec(location.hash)?.[1];
  if (given === undefined) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, '', location.pathname);
}

takeTokenFromLink();
render();
introduce();
