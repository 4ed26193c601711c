import type { Tx } from '@bridgework/kernel/database';
import { eq, sql } from 'drizzle-orm';
import type { IntegrationRow } from '../integrations/integration.ts';
import { documents } from '../tables.ts';
import type { DocumentFinding } from './examine-manifest.ts';
import type { Manifest } from './manifest.ts';

/**
 * Why a set of fit documents needs a person's approval; empty when the integration's policy gives it. The policy, itself
 * approved with the integration, lets queries pass that stay inside the approved scopes (every fit document does) and the
 * classes of personal data that a manager has approved for this integration before.
 */
export async function judgeByPolicy(
  tx: Tx,
  { key, documentPolicy }: Pick<IntegrationRow, 'key' | 'documentPolicy'>,
  { entries }: Manifest,
  findings: readonly DocumentFinding[],
): Promise<readonly string[]> {
  if (documentPolicy !== 'QUERIES') return ['The integration has the policy MANUAL.'];
  // As the database judges: a mutation cannot do without the word.
  const writes = findings.some(({ analysis }) => analysis?.operation !== 'query');
  if (writes || entries.some(({ text }) => /\bmutation\b/i.test(text))) return ['It is not of queries alone.'];
  const approved = await approvedClasses(tx, key);
  const fresh = new Set(
    findings.flatMap(({ analysis }) => analysis?.piiClasses ?? []).filter((one) => !approved.has(one)),
  );
  return [...fresh].sort().map((one) => `Personal data of the class ${one} is new.`);
}

/** Of documents that a person approved; what the policy let pass added none. */
async function approvedClasses(tx: Tx, integrationKey: number): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectDistinct({ piiClass: sql<string>`jsonb_array_elements_text(${documents.analysis} -> 'piiClasses')` })
    .from(documents)
    .where(
      sql`${eq(documents.integrationKey, integrationKey)} and ${documents.documentSetKey} in (
        select key from integration.document_sets
        where integration_key = ${integrationKey} and decided_by is not null and status <> 'REJECTED')`,
    );
  return new Set(rows.map(({ piiClass }) => piiClass));
}
