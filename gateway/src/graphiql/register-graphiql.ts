import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GatewayConfig } from '@bridgework/kernel/config';
import type { Logger } from '@bridgework/kernel/logger';
import type { FastifyInstance } from 'fastify';

interface Asset {
  readonly type: string;
  /** Where the file is; throws when its package is not installed. */
  readonly path: () => string;
}

const require = createRequire(import.meta.url);
const beside = (manifest: string, file: string): string => join(dirname(manifest), file);
const ours = (file: string) => () => fileURLToPath(new URL(`../../assets/graphiql/${file}`, import.meta.url));
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** Everything the page loads, by its last path segment: GraphiQL's own files from npm, and our few lines around them. */
const ASSETS: Readonly<Record<string, Asset>> = {
  'react.js': {
    type: SCRIPT,
    path: () => beside(require.resolve('react/package.json'), 'umd/react.production.min.js'),
  },
  'react-dom.js': {
    type: SCRIPT,
    path: () => beside(require.resolve('react-dom/package.json'), 'umd/react-dom.production.min.js'),
  },
  'graphiql.js': { type: SCRIPT, path: () => beside(require.resolve('graphiql/package.json'), 'graphiql.min.js') },
  'graphiql.css': { type: STYLE, path: () => beside(require.resolve('graphiql/package.json'), 'graphiql.min.css') },
  'page.js': { type: SCRIPT, path: ours('page.js') },
  'page.css': { type: STYLE, path: ours('page.css') },
};

/** Nothing from anywhere else. The editor sets styles on its elements as it goes, hence the one exception. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * `/graphiql`, in the sandbox alone. The page holds no secret and no rights: whoever opens it needs a token that may send
 * query text. Its packages are for development; where they are not installed, the page is not there and the log says so.
 */
export function registerGraphiql(
  app: FastifyInstance,
  { CLINIC_ENV }: Pick<GatewayConfig, 'CLINIC_ENV'>,
  log: Logger,
): void {
  if (CLINIC_ENV !== 'sandbox') return;
  const files = readFiles(log);
  if (files === undefined) return;
  const page = readFileSync(ours('index.html')());
  app.get('/graphiql', async (_request, reply) =>
    reply
      .header('content-security-policy', POLICY)
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page),
  );
  for (const [name, { type, body }] of files) {
    app.get(`/graphiql/${name}`, async (_request, reply) =>
      reply.header('cache-control', 'public, max-age=3600').type(type).send(body),
    );
  }
}

function readFiles(log: Logger): Map<string, { readonly type: string; readonly body: Buffer }> | undefined {
  try {
    return new Map(
      Object.entries(ASSETS).map(([name, { type, path }]) => [name, { type, body: readFileSync(path()) }]),
    );
  } catch (error) {
    log.info({ reason: error instanceof Error ? error.message : 'unknown' }, 'graphiql.not_installed');
    return undefined;
  }
}
