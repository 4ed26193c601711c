import type { Context } from '@bridgework/kernel/context';
import { loadOne } from '@bridgework/kernel/loaders';
import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import { documentSets, documents, documentUses, integrations, tokens } from '../tables.ts';
import { type PersistedDocument, readAnalysis } from './document-set.ts';

/** What a document reaches that no approved set of its integration had reached before. */
export interface DocumentNews {
  /** The newest set approved before; null when this is the first. */
  readonly sinceVersion: number | null;
  readonly coordinates: readonly string[];
  readonly scopes: readonly string[];
  readonly personalDataClasses: readonly string[];
}

/** By version of an integration's approved sets: what each reached. */
interface Approved {
  readonly integrationKey: number;
  readonly reached: ReadonlyMap<number, ReadonlySet<string>>;
}

const loadApproved = loadOne(
  async (ctx: Context, keys: readonly number[]): Promise<Approved[]> => {
    const rows = await ctx.db
      .select({ integrationKey: documents.integrationKey, version: documentSets.version, analysis: documents.analysis })
      .from(documents)
      .innerJoin(documentSets, eq(documentSets.key, documents.documentSetKey))
      .where(
        and(
          inArray(documents.integrationKey, [...keys]),
          sql`(${documentSets.approvedByPolicy} or ${documentSets.decidedBy} is not null)`,
          sql`${documentSets.status} <> 'REJECTED'`,
        ),
      )
      .orderBy(asc(documentSets.version));
    return [...new Set(keys)].map((integrationKey) => {
      const reached = new Map<number, Set<string>>();
      for (const row of rows.filter((one) => one.integrationKey === integrationKey)) {
        const ofVersion = reached.get(row.version) ?? new Set();
        reached.set(row.version, ofVersion);
        for (const one of reachOf(readAnalysis(row))) ofVersion.add(one);
      }
      return { integrationKey, reached };
    });
  },
  (row) => row.integrationKey,
);

/** Coordinates, scopes and classes in one set of names: no two kinds look alike. */
const reachOf = (analysis: Partial<ReturnType<typeof readAnalysis>>): readonly string[] => [
  ...(analysis.coordinates ?? []),
  ...(analysis.scopes ?? []).flat(),
  ...(analysis.piiClasses ?? []),
];

/** What whoever approves the document grants for the first time. Batched. */
export async function newsOfDocument(ctx: Context, document: PersistedDocument): Promise<DocumentNews> {
  const { analysis, requiredScopes, version, integrationKey } = document;
  const approved = await loadApproved(ctx, integrationKey);
  const earlier = [...(approved?.reached ?? [])].filter(([of]) => of < version);
  const isNew = (name: string): boolean => !earlier.some(([, reached]) => reached.has(name));
  return {
    sinceVersion: earlier.at(-1)?.[0] ?? null,
    coordinates: analysis.coordinates.filter(isNew),
    scopes: [...new Set(requiredScopes.flat())].filter(isNew),
    personalDataClasses: analysis.personalDataClasses.filter(isNew),
  };
}

/** The analysis in one line: `reads Patient.phone [contact]; cost 84, …; needs …; new since version 3: …`. */
export async function summariseDocument(ctx: Context, document: PersistedDocument): Promise<string> {
  const { analysis, operation, requiredScopes } = document;
  const { sinceVersion, coordinates, scopes } = await newsOfDocument(ctx, document);
  const personal = analysis.personalData.map((one) => `${one.coordinate} [${one.class}]`);
  const needed = requiredScopes.map((set) => set.join(' and ')).join(', or ');
  const news = [...scopes, ...coordinates];
  const sinceThen =
    news.length === 0
      ? `nothing new since version ${sinceVersion}`
      : `new since version ${sinceVersion}: ${news.join(', ')}`;
  return [
    personal.length === 0 ? 'reads no personal data' : `reads ${personal.join(', ')}`,
    ...(operation === 'mutation' ? ['writes'] : []),
    `cost ${analysis.cost}, lists up to ${analysis.listSize}, depth ${analysis.depth}`,
    needed === '' ? 'needs no scope' : `needs ${needed}`,
    ...(analysis.deprecated.length === 0 ? [] : [`deprecated: ${analysis.deprecated.join(', ')}`]),
    sinceVersion === null ? 'the first of its integration' : sinceThen,
  ].join('; ');
}

/** How often a token called a document. */
export interface DocumentUse {
  readonly tokenId: string;
  readonly tokenName: string;
  readonly count: number;
  readonly lastUsedAt: Date;
}

/** The hundred tokens that called it last, the latest first. */
export const usesOfDocument = async (ctx: Context, { key }: PersistedDocument): Promise<DocumentUse[]> =>
  ctx.db
    .select({
      tokenId: tokens.id,
      tokenName: tokens.name,
      count: documentUses.useCount,
      lastUsedAt: documentUses.lastUsedAt,
    })
    .from(documentUses)
    .innerJoin(tokens, eq(tokens.key, documentUses.tokenKey))
    .where(eq(documentUses.documentKey, key))
    .orderBy(desc(documentUses.lastUsedAt))
    .limit(100);

const loadOwner = loadOne(
  (ctx: Context, keys: readonly number[]) =>
    ctx.db
      .select({ key: integrations.key, name: integrations.name, owner: integrations.internalOwner })
      .from(integrations)
      .where(inArray(integrations.key, [...keys])),
  (row) => row.key,
);

/** Name of its integration and who answers for it in the clinic. Batched. */
export const ownerOfDocument = (ctx: Context, { integrationKey }: PersistedDocument) => loadOwner(ctx, integrationKey);
