import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Scope, ScopeAlternatives } from '@bridgework/schema';
import { type Analysis, type DocumentFault, examineDocument } from '../graph-analysis.ts';
import { missingScopes } from './document-set.ts';
import type { ManifestEntry } from './manifest.ts';

/** What was found of one entry of a manifest. */
export interface DocumentFinding {
  readonly id: string;
  readonly name: string | null;
  readonly requiredScopes: ScopeAlternatives;
  /** `3:5 Patient.phon: Cannot query field …`; empty when the document is fit for its integration. */
  readonly errors: readonly string[];
  /** Null when the document is not valid. */
  readonly analysis: Analysis | null;
}

/** Examines each document against the graph and against what its integration was granted. */
export async function examineManifest(
  entries: readonly Pick<ManifestEntry, 'id' | 'text'>[],
  approvedScopes: readonly Scope[],
): Promise<readonly DocumentFinding[]> {
  const findings: DocumentFinding[] = [];
  for (const { id, text } of entries) {
    findings.push(examineOne(id, text, approvedScopes));
    // A large set takes a second; others are waiting for this process too.
    await yieldToOthers();
  }
  return findings;
}

function examineOne(id: string, text: string, approvedScopes: readonly Scope[]): DocumentFinding {
  const examination = examineDocument(text);
  if (examination.kind === 'invalid') {
    return { id, name: examination.name, requiredScopes: [], errors: examination.faults.map(describe), analysis: null };
  }
  const { analysis } = examination;
  const errors = findForbidden(analysis, approvedScopes);
  return { id, name: analysis.name, requiredScopes: analysis.scopes, errors, analysis };
}

/** Why a partner with these scopes could never call the document; empty when it could. */
export function findForbidden(analysis: Analysis, approvedScopes: readonly Scope[]): string[] {
  if (analysis.manager) return [`${analysis.name} selects what only managers of the clinic may see or do.`];
  const missing = missingScopes(analysis.scopes, approvedScopes);
  return missing.length === 0 ? [] : [`${analysis.name} needs ${missing.join(', ')}, which the integration lacks.`];
}

function describe({ line, column, coordinate, message }: DocumentFault): string {
  const place = [line === null ? '' : `${line}:${column}`, coordinate ?? ''].filter((part) => part !== '').join(' ');
  return place === '' ? message : `${place}: ${message}`;
}
