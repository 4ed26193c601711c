import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';

export const DEFAULT_LIMIT = 25;
export const MAX_LIMIT = 100;

/** What a cursor is good for. Used under another caller, filter or order it is refused as if it were forged. */
export interface CursorBinding {
  /** Integration, or the clinic user who asked. */
  readonly holder: string;
  /** Method and path of the route. */
  readonly route: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly sort: string;
}

export interface CursorSeal {
  /** A cursor around a position of the graph: opaque, and the same for the same position, so that ETags hold. */
  seal(position: string, binding: CursorBinding): string;
  /** @throws DomainError VALIDATION_FAILED for what this seal did not make for this binding. */
  open(cursor: string, binding: CursorBinding): string;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

interface CursorKey {
  readonly encryption: Uint8Array;
  readonly nonce: Uint8Array;
}

/**
 * Seals with the first key and opens with any of them, so that a key can be rotated.
 * @param setting CURSOR_KEY: `<key id>:<base64>`, several separated by commas.
 */
export function createCursorSeal(setting: string): CursorSeal {
  const keys = setting.split(',').map(readKey);
  const [sealing] = keys;
  if (sealing === undefined) throw new Error('CURSOR_KEY holds no key.');
  return {
    seal: (position, binding) => sealUnder(sealing, position, bindingBytes(binding)),
    open(cursor, binding) {
      const bound = bindingBytes(binding);
      for (const key of keys) {
        const position = openUnder(key, cursor, bound);
        if (position !== undefined) return position;
      }
      throw new DomainError('VALIDATION_FAILED', {
        errors: [
          {
            pointer: '/cursor',
            code: 'bad-cursor',
            detail:
              'Use next_cursor unchanged, with the same filters and the same token; or begin again without a cursor.',
          },
        ],
      });
    },
  };
}

function sealUnder(key: CursorKey, position: string, bound: Buffer): string {
  // The nonce is a keyed hash of all that is sealed: it repeats only when the whole message does.
  const iv = createHmac('sha256', key.nonce).update(bound).update('\n').update(position).digest().subarray(0, IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.encryption, iv).setAAD(bound);
  const sealed = Buffer.concat([cipher.update(position, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString('base64url');
}

function openUnder(key: CursorKey, cursor: string, bound: Buffer): string | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  // Other spellings of the same bytes (padding, a changed last character) are no cursors of ours.
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== cursor) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.encryption, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(bound).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function readKey(setting: string): CursorKey {
  const material = Buffer.from(setting.slice(setting.indexOf(':') + 1), 'base64');
  if (material.length < 16) throw new Error('A key of CURSOR_KEY holds at least 16 bytes, base64.');
  const derive = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', material, '', `bridgework cursor ${purpose}`, 32));
  return { encryption: derive('encryption'), nonce: derive('nonce') };
}

/** One spelling per binding: the filter's keys are sorted, JSON keeps the parts apart. */
function bindingBytes({ holder, route, filter, sort }: CursorBinding): Buffer {
  const given = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([holder, route, given, sort]));
}

/** Parameters that the frame adds to every list. */
export const PAGE_PARAMETERS = {
  limit: z
    .string()
    .transform((text) => (/^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN))
    .pipe(z.int('Give an integer.').min(1).max(MAX_LIMIT))
    .optional()
    .meta({ description: `How many entries a page has, ${DEFAULT_LIMIT} unless told.` }),
  cursor: z.string().min(1).max(2048).optional().meta({ description: '`next_cursor` of the page before, unchanged.' }),
};

/** What a list operation is asked for. */
export interface PageRequest {
  readonly first: number;
  /** Position of the graph, or null for the beginning. */
  readonly after: string | null;
}

/** What a list route makes of the operation's data. */
export interface Page<Dto> {
  readonly data: readonly Dto[];
  /** Of a walk: where the next one begins. */
  readonly nextUpdatedSince?: string;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** A connection as the list documents ask for it. */
export interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
  readonly pageInfo: Page<Node>['pageInfo'];
}

/** A connection that is walked by `updatedSince`. */
export interface WalkedConnection<Node> extends Connection<Node> {
  readonly nextUpdatedSince: string | null;
}

/** From the beginning of time: a list without `updated_since` is the first walk. */
export const EVER = '1900-01-01T00:00:00.000Z';

/** A connection's page with each node as v1 shows it. */
export const pageFrom = <Node, Dto>({ edges, pageInfo }: Connection<Node>, toDto: (node: Node) => Dto): Page<Dto> => ({
  data: edges.map(({ node }) => toDto(node)),
  pageInfo,
});

/** As {@link pageFrom}, with where the next walk begins. */
export const walkFrom = <Node, Dto>(walked: WalkedConnection<Node>, toDto: (node: Node) => Dto): Page<Dto> => ({
  ...pageFrom(walked, toDto),
  nextUpdatedSince: walked.nextUpdatedSince ?? EVER,
});

const pageShape = <Dto extends z.ZodType>(dto: Dto) => ({
  data: z.array(dto),
  has_more: z.boolean(),
  next_cursor: z.string().nullable().meta({ description: 'Opaque; null on the last page.' }),
});

/** The answer of a list of these. */
export const pageOf = <Dto extends z.ZodType>(dto: Dto, id: string) => z.strictObject(pageShape(dto)).meta({ id });

/** The answer of a list that is walked by `updated_since`. */
export const walkPageOf = <Dto extends z.ZodType>(dto: Dto, id: string) =>
  z
    .strictObject({
      ...pageShape(dto),
      next_updated_since: z.iso.datetime({ precision: 3 }).meta({
        description:
          'Where the next walk begins, the same on every page of this one. The two together miss nothing that was changed in ' +
          'the meantime; what was changed around this instant may come in both.',
      }),
    })
    .meta({ id });

export function writePage<Dto>(page: Page<Dto>, seal: (position: string) => string): { body: unknown; next?: string } {
  const { data, nextUpdatedSince } = page;
  const { hasNextPage, endCursor } = page.pageInfo;
  const next = hasNextPage && endCursor !== null ? seal(endCursor) : undefined;
  return {
    body: {
      data,
      has_more: next !== undefined,
      next_cursor: next ?? null,
      ...(nextUpdatedSince === undefined ? {} : { next_updated_since: nextUpdatedSince }),
    },
    ...(next === undefined ? {} : { next }),
  };
}
