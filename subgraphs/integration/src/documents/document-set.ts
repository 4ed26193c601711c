import type { Scope, ScopeAlternatives } from '@bridgework/schema';
import type { Analysis } from '../graph-analysis.ts';
import type { documentSets, documents } from '../tables.ts';

export type DocumentSetRow = typeof documentSets.$inferSelect;
export type DocumentRow = typeof documents.$inferSelect;
export type DocumentStatus = DocumentSetRow['status'];

/** A set as the graph shows it. `key` stays inside. */
export interface DocumentSet {
  readonly key: number;
  readonly id: string;
  readonly integrationId: string;
  readonly name: string;
  readonly version: number;
  readonly format: string;
  readonly status: DocumentStatus;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  readonly activatedAt: Date | null;
}

export function toDocumentSet(row: DocumentSetRow, integrationId: string): DocumentSet {
  return {
    key: row.key,
    id: row.id,
    integrationId,
    name: row.name,
    version: row.version,
    format: row.format,
    status: row.status,
    createdBy: row.registeredBy,
    createdAt: row.registeredAt,
    decidedBy: row.decidedBy,
    decidedAt: row.decidedAt,
    activatedAt: row.activatedAt,
  };
}

/** A document as the graph shows it; its id is the hash of its text. */
export interface PersistedDocument {
  readonly key: number;
  readonly id: string;
  readonly integrationId: string;
  readonly documentSetId: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly operation: 'query' | 'mutation';
  readonly status: DocumentStatus;
  readonly text: string;
  readonly requiredScopes: ScopeAlternatives;
  readonly personalData: boolean;
}

export function toDocument(row: DocumentRow, set: Pick<DocumentSet, 'id' | 'integrationId'>): PersistedDocument {
  const analysis = readAnalysis(row);
  return {
    key: row.key,
    id: row.hash,
    integrationId: set.integrationId,
    documentSetId: set.id,
    name: row.name,
    aliases: row.aliases,
    operation: row.operationType,
    status: row.status,
    text: row.text,
    requiredScopes: analysis.scopes,
    personalData: analysis.personalData,
  };
}

/** Written by us from an {@link Analysis}. */
export const readAnalysis = (row: Pick<DocumentRow, 'analysis'>): Analysis => row.analysis as Analysis;

/**
 * The scopes that are missing to call a document: those of the alternative that lacks fewest. Empty when it may be
 * called.
 */
export function missingScopes(required: ScopeAlternatives, held: readonly Scope[]): readonly Scope[] {
  const lacking = required.map((alternative) => alternative.filter((scope) => !held.includes(scope)));
  return lacking.reduce((least, one) => (one.length < least.length ? one : least), lacking[0] ?? []);
}
