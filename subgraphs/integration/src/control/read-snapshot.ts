import type { Db, Tx } from '@bridgework/kernel/database';
import type { ControlSnapshot, Environment, Scope } from '@bridgework/schema';
import { and, asc, eq, gt, inArray, isNotNull, min, ne, or, sql } from 'drizzle-orm';
import { approvals, controlState, documentSets, documents, integrations, tokens } from '../tables.ts';

/** A revoked token is named for this long, so that its use can be told apart from an invented one. */
const REVOKED_DAYS = 30;
const WORKING = ['ACTIVE', 'PAUSED', 'DEPRECATED'] as const;
/** The livelier first. */
const NAMED_DOCUMENTS = ['ACTIVE', 'DEPRECATED', 'APPROVED', 'BROKEN', 'RETIRED'] as const;

/** What gateways obey, read at one instant of the database: never half of a change. */
export async function readSnapshot(db: Db, environment: Environment, now: Date): Promise<ControlSnapshot> {
  return db.transaction(
    async (tx) => {
      const [state] = await tx.select().from(controlState);
      if (state === undefined) throw new Error('The control state has no row.');
      return {
        generation: state.generation,
        issued_at: now.toISOString(),
        environment,
        integrations: await readIntegrations(tx, now, state.allPausedAt !== null, environment),
        tokens: await readTokens(tx, now),
        documents: await readDocuments(tx),
      };
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  );
}

/** When the next sensitive scope ends after `now`, without anybody changing anything; undefined when none does. */
export async function readNextEnd(db: Db, now: Date): Promise<Date | undefined> {
  const [row] = await db
    .select({ endsAt: min(approvals.expiresAt) })
    .from(approvals)
    .where(and(eq(approvals.kind, 'SCOPE'), eq(approvals.status, 'APPROVED'), gt(approvals.expiresAt, now)));
  return row?.endsAt ?? undefined;
}

/** Cheap enough to be asked twice a second. */
export async function readGeneration(db: Db): Promise<number | undefined> {
  const [state] = await db.select({ generation: controlState.generation }).from(controlState);
  return state?.generation;
}

async function readIntegrations(
  tx: Tx,
  now: Date,
  allPaused: boolean,
  environment: Environment,
): Promise<ControlSnapshot['integrations']> {
  const rows = await tx
    .select({
      id: integrations.id,
      name: integrations.name,
      status: integrations.status,
      reviewDueOn: integrations.reviewDueOn,
      reviewIsOverdue: sql<
        boolean | null
      >`integration.review_is_overdue(${integrations.reviewDueOn}, ${now.toISOString().slice(0, 10)}::date)`,
      adHoc: integrations.adHoc,
    })
    .from(integrations)
    .where(inArray(integrations.status, [...WORKING]))
    .orderBy(asc(integrations.id));
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: allPaused && row.status === 'ACTIVE' ? 'PAUSED' : (row.status as (typeof WORKING)[number]),
    review_due_on: row.reviewDueOn,
    review_overdue: row.reviewIsOverdue === true,
    ad_hoc: row.adHoc && environment === 'sandbox',
  }));
}

async function readTokens(tx: Tx, now: Date): Promise<ControlSnapshot['tokens']> {
  const recently = new Date(now.getTime() - REVOKED_DAYS * 86_400_000);
  const at = sql`${now.toISOString()}::timestamptz`;
  // What was granted may have been withdrawn or have ended since the token was issued.
  const held = sql`array(
    select carried.scope from unnest(${tokens.scopes}) with ordinality as carried(scope, place)
    where carried.scope = any (${integrations.approvedScopes}) order by carried.place)`;
  const effective = sql`integration.effective_scopes(${integrations.key}, ${held}, ${at})`;
  const rows = await tx
    .select({
      id: tokens.id,
      integrationId: integrations.id,
      name: tokens.name,
      publicId: tokens.publicId,
      secretHash: tokens.secretHash,
      pepperId: tokens.pepperId,
      scopes: sql<string[]>`${effective}`,
      status: tokens.status,
      // A gateway that does not hear from us must still know when a scope ends: then it takes the token for expired.
      expiresAt: sql<
        string | null
      >`least(${tokens.expiresAt}, integration.scopes_end_at(${integrations.key}, ${held}, ${at}))`,
      allowedCidrs: tokens.allowedCidrs,
    })
    .from(tokens)
    .innerJoin(integrations, eq(integrations.key, tokens.integrationKey))
    .where(
      and(
        inArray(integrations.status, [...WORKING]),
        or(eq(tokens.status, 'ACTIVE'), sql`${tokens.revokedAt} > ${recently.toISOString()}::timestamptz`),
      ),
    )
    .orderBy(asc(tokens.id));
  return rows.map((row) => ({
    id: row.id,
    integration_id: row.integrationId,
    name: row.name,
    public_id: row.publicId,
    secret_hash: row.secretHash,
    pepper_id: row.pepperId,
    scopes: row.scopes as Scope[],
    status: row.status,
    expires_at: row.expiresAt === null ? null : new Date(row.expiresAt).toISOString(),
    allowed_cidrs: row.allowedCidrs,
  }));
}

async function readDocuments(tx: Tx): Promise<ControlSnapshot['documents']> {
  const rows = await tx
    .select({
      id: documents.hash,
      integrationId: integrations.id,
      name: documents.name,
      aliases: documents.aliases,
      status: documents.status,
    })
    .from(documents)
    .innerJoin(integrations, eq(integrations.key, documents.integrationKey))
    .innerJoin(documentSets, eq(documentSets.key, documents.documentSetKey))
    .where(
      and(
        inArray(integrations.status, [...WORKING]),
        inArray(documents.status, [...NAMED_DOCUMENTS]),
        // What is approved is made ready once somebody asks for it.
        or(ne(documents.status, 'APPROVED'), isNotNull(documentSets.activationRequestedAt)),
      ),
    )
    .orderBy(asc(documents.key));
  const known = new Map<string, ControlSnapshot['documents'][number]>();
  for (const row of rows) {
    const key = `${row.integrationId} ${row.id}`;
    const status = row.status as (typeof NAMED_DOCUMENTS)[number];
    const earlier = known.get(key);
    // One text may stand in several sets of an integration: it is as alive as in the liveliest.
    known.set(key, {
      id: row.id,
      integration_id: row.integrationId,
      name: row.name,
      aliases: [...new Set([...(earlier?.aliases ?? []), ...row.aliases])],
      status: earlier === undefined ? status : livelier(earlier.status, status),
    });
  }
  return [...known.values()];
}

type NamedStatus = (typeof NAMED_DOCUMENTS)[number];
const livelier = (left: NamedStatus, right: NamedStatus): NamedStatus =>
  NAMED_DOCUMENTS.indexOf(left) < NAMED_DOCUMENTS.indexOf(right) ? left : right;
