import { setImmediate as yieldToOthers } from 'node:timers/promises';
import {
  type Analysis,
  type DocumentFault,
  describeFault,
  examineDocument,
  type Scope,
  type ScopeAlternatives,
} from '@bridgework/schema';
import { currentGraph } from '../graph.ts';
import { missingScopes } from './document-set.ts';
import type { ManifestEntry } from './manifest.ts';

/** What was found of one entry of a manifest. */
export interface DocumentFinding {
  readonly id: string;
  readonly name: string | null;
  readonly requiredScopes: ScopeAlternatives;
  /** `3:5 Patient.phon: Cannot query field …`; empty when the document is fit for its integration. */
  readonly errors: readonly string[];
  /** The same, in pieces. */
  readonly faults: readonly DocumentFault[];
  /** Null when the document is not valid. */
  readonly analysis: Analysis | null;
}

const SLICE_MS = 10;

/** Examines each document against the graph and against what its integration was granted. */
export async function examineManifest(
  entries: readonly Pick<ManifestEntry, 'id' | 'text'>[],
  approvedScopes: readonly Scope[],
): Promise<readonly DocumentFinding[]> {
  const findings: DocumentFinding[] = [];
  let since = performance.now();
  for (const { id, text } of entries) {
    findings.push(examineOne(id, text, approvedScopes));
    // A large set takes a while; others are waiting for this process too.
    if (performance.now() - since < SLICE_MS) continue;
    await yieldToOthers();
    since = performance.now();
  }
  return findings;
}

function examineOne(id: string, text: string, approvedScopes: readonly Scope[]): DocumentFinding {
  const examination = examineDocument(currentGraph(), text);
  if (examination.kind === 'invalid') {
    const { name, faults } = examination;
    return { id, name, requiredScopes: [], errors: faults.map(describeFault), faults, analysis: null };
  }
  const { analysis } = examination;
  const errors = findForbidden(analysis, approvedScopes);
  const faults = errors.map((message) => ({ line: null, column: null, coordinate: null, message }));
  return { id, name: analysis.name, requiredScopes: analysis.scopes, errors, faults, analysis };
}

/** Why a partner with these scopes could never call the document; empty when it could. */
export function findForbidden(
  analysis: Pick<Analysis, 'name' | 'scopes' | 'manager'>,
  approvedScopes: readonly Scope[],
): string[] {
  if (analysis.manager) return [`${analysis.name} selects what only managers of the clinic may see or do.`];
  const missing = missingScopes(analysis.scopes, approvedScopes);
  return missing.length === 0 ? [] : [`${analysis.name} needs ${missing.join(', ')}, which the integration lacks.`];
}
