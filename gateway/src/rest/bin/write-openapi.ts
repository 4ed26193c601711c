/**
 * Writes schema/rest/v1.openapi.json from the route table; with `--check` only compares, so that a change of the contract
 * is a change of the committed file.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOpenApi } from '../openapi.ts';
import { readRegisteredDocuments } from '../registered-documents.ts';
import { routes } from '../routes.ts';

const path = join(import.meta.dirname, '../../../../schema/rest/v1.openapi.json');
const text = `${JSON.stringify(buildOpenApi(routes, readRegisteredDocuments()), undefined, 2)}\n`;

if (!process.argv.includes('--check')) {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  console.error(
    'schema/rest/v1.openapi.json is not what the routes say: run npm run openapi -w gateway and commit it.',
  );
  process.exitCode = 1;
}
