/**
 * Writes schema/rest/*.openapi.json from the route table; with `--check` only compares, so that a change of the contract
 * is a change of the committed file.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOpenApi } from '../openapi.ts';
import { readRegisteredDocuments } from '../registered-documents.ts';
import { routes } from '../routes.ts';
import { VERSIONS } from '../versions.ts';

const documents = readRegisteredDocuments();
for (const { major } of VERSIONS) {
  const path = join(import.meta.dirname, `../../../../schema/rest/${major}.openapi.json`);
  const text = `${JSON.stringify(buildOpenApi(routes, documents, major), undefined, 2)}\n`;
  if (!process.argv.includes('--check')) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    console.error(
      `schema/rest/${major}.openapi.json is not what the routes say: run npm run openapi -w gateway and commit it.`,
    );
    process.exitCode = 1;
  }
}
