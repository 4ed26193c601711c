import type { Analysis, Scope, ScopeAlternatives } from '@bridgework/schema';
import { currentGraph } from '../graph.ts';
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
  /** Everybody who handed in this very manifest; none of them can approve it. */
  readonly submittedBy: readonly string[];
  readonly approvedByPolicy: boolean;
  /** Gateways were asked to make it ready; null when not, or when one could not. */
  readonly activationRequestedAt: Date | null;
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
    submittedBy: row.submittedBy,
    approvedByPolicy: row.approvedByPolicy,
    activationRequestedAt: row.activationRequestedAt,
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
  readonly analysis: ShownAnalysis;
  readonly compileError: string | null;
  readonly brokenBecause: readonly string[];
  readonly retiredReason: string | null;
  /** Of the set; what came before it was approved earlier. */
  readonly version: number;
  readonly integrationKey: number;
}

/** What a document would touch, as whoever approves it sees it. */
export interface ShownAnalysis {
  readonly cost: number;
  readonly listSize: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  readonly coordinates: readonly string[];
  readonly personalData: readonly { readonly coordinate: string; readonly class: string }[];
  readonly personalDataClasses: readonly string[];
  readonly subgraphs: readonly string[];
  readonly deprecated: readonly string[];
}

export function toDocument(
  row: DocumentRow,
  set: Pick<DocumentSet, 'id' | 'integrationId' | 'version'>,
): PersistedDocument {
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
    analysis: show(analysis),
    compileError: row.compileError,
    brokenBecause: row.brokenBecause,
    retiredReason: row.retiredReason,
    version: set.version,
    integrationKey: row.integrationKey,
  };
}

/** Older rows lack what was analysed later. */
function show(analysis: Partial<Analysis>): ShownAnalysis {
  const { requirements } = currentGraph();
  const coordinates = analysis.coordinates ?? [];
  return {
    cost: analysis.worstCost ?? 0,
    listSize: analysis.worstListSize ?? 0,
    depth: analysis.depth ?? 0,
    aliases: analysis.aliases ?? 0,
    rootFields: analysis.rootFields ?? 0,
    coordinates,
    personalData: coordinates.flatMap((coordinate) => {
      const pii = requirements[coordinate]?.pii;
      return pii === undefined ? [] : [{ coordinate, class: pii }];
    }),
    personalDataClasses: analysis.piiClasses ?? [],
    subgraphs: analysis.subgraphs ?? [],
    deprecated: analysis.deprecated ?? [],
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
