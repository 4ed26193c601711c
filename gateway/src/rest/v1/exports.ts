import { z } from 'zod';
import { defineDownload } from '../define-download.ts';
import { defineRoute, found } from '../define-route.ts';
import { type Connection, pageFrom, pageOf } from '../paging.ts';
import { idOf, instant } from '../values.ts';

const ExportKindV1 = z.enum(['DAILY_COLLECTED_REVENUE', 'MONTHLY_PROFIT_SUMMARY', 'DEFERRED_RECEIVABLES_AGING']);
const FORMATS = ['csv', 'xlsx', 'json', 'pdf'] as const;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const ExportRequestV1 = z
  .strictObject({
    kind: ExportKindV1,
    period: z
      .string()
      .regex(/^\d{4}-\d\d(-\d\d)?$/)
      .meta({ description: 'A business day; for the monthly summary a month.', examples: ['2026-03-31', '2026-03'] }),
  })
  .meta({ id: 'ExportRequest' });

export const ExportV1 = z
  .strictObject({
    id: idOf('exp'),
    kind: ExportKindV1,
    period: z.string(),
    position: z.int().meta({ description: 'Its place in the chain of all exports.' }),
    content_sha256: sha256.meta({ description: 'Of its canonical content (RFC 8785), which `format=json` downloads.' }),
    previous_sha256: sha256.meta({ description: 'Of the export before it in the chain; zeros for the first.' }),
    generated_at: instant,
    generated_by: z.string().meta({ description: '`clinic` or `partner`.' }),
    formats: z.array(z.enum(FORMATS)),
  })
  .meta({ id: 'Export' });

interface ExportNode {
  readonly id: string;
  readonly kind: string;
  readonly period: string;
  readonly position: number;
  readonly sha256: string;
  readonly previousSha256: string;
  readonly generatedAt: string;
  readonly generatedBy: string;
  readonly formats: readonly string[];
}

const toExportV1 = (node: ExportNode) => ({
  id: node.id,
  kind: node.kind,
  period: node.period,
  position: node.position,
  content_sha256: node.sha256,
  previous_sha256: node.previousSha256,
  generated_at: node.generatedAt,
  generated_by: node.generatedBy,
  formats: node.formats.map((format) => format.toLowerCase()),
});

interface RequestData {
  readonly requestReportExport: {
    readonly reportExport: ExportNode;
    readonly generatedEarlier: boolean;
    readonly replayed: boolean;
  };
}

/** @see docs/rules.md#accounting-exports */
export const requestExportV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/exports',
  tag: 'Exports',
  operation: 'RequestExportV1',
  action: 'export.generate',
  slow: true,
  idempotent: true,
  summary: 'Generate the accounting export of a closed period.',
  description:
    'Once for ever: 201 when it was generated now, 200 with the first one when it was there already. A period that is still ' +
    'open is refused. Cash basis; one row per currency, and currencies are never added.',
  personalData: false,
  body: ExportRequestV1,
  answers: { 200: ExportV1, 201: ExportV1 },
  refusals: ['PERIOD_OPEN', 'IDEMPOTENCY_KEY_MISSING', 'IDEMPOTENCY_IN_PROGRESS', 'IDEMPOTENCY_KEY_REUSED'],
  variables: ({ body, idempotencyKey }) => ({ input: { kind: body.kind, period: body.period }, idempotencyKey }),
  outcome: ({ requestReportExport: { generatedEarlier, replayed } }: RequestData) => ({
    status: generatedEarlier ? 200 : 201,
    replayed,
  }),
  toV1: ({ requestReportExport }: RequestData) => toExportV1(requestReportExport.reportExport),
});

export const listExportsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/exports',
  tag: 'Exports',
  operation: 'ExportsV1',
  summary: 'List accounting exports, newest first.',
  personalData: false,
  sort: '-generated_at,-id',
  query: z.strictObject({ kind: ExportKindV1.optional() }),
  answers: { 200: pageOf(ExportV1, 'ExportPage') },
  variables: ({ query, page }) => ({ filter: { kind: query.kind ?? null }, ...page }),
  toV1: (data: { readonly reportExports: Connection<ExportNode> }) => pageFrom(data.reportExports, toExportV1),
});

export const getExportV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/exports/{id}',
  tag: 'Exports',
  operation: 'ExportV1',
  summary: 'Read what is known of an accounting export.',
  personalData: false,
  params: z.strictObject({ id: idOf('exp') }),
  answers: { 200: ExportV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly reportExport: ExportNode | null }) => toExportV1(found(data.reportExport)),
});

const MEDIA_TYPES: Readonly<Record<(typeof FORMATS)[number], string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  json: 'application/json; charset=utf-8',
  pdf: 'application/pdf',
};

interface ContentData {
  readonly reportExportContent: { readonly content: string; readonly sha256: string } | null;
}

export const downloadExportV1 = defineDownload({
  path: '/api/v1/exports/{id}/content',
  tag: 'Exports',
  operation: 'ExportContentV1',
  summary: 'Download an accounting export.',
  description:
    'The bytes as they were rendered when it was generated, for ever the same: with a strong ETag, a Repr-Digest (RFC 9530) ' +
    'and a file name. Every request is audited, also one that is answered 304.',
  params: z.strictObject({ id: idOf('exp') }),
  query: z.strictObject({ format: z.enum(FORMATS) }),
  mediaTypes: Object.values(MEDIA_TYPES).map((type) => type.replace(/;.*$/, '')),
  variables: ({ params, query }) => ({ id: params.id, format: query.format.toUpperCase() }),
  toFile: (data: ContentData, { params, query }) => {
    const file = found(data.reportExportContent);
    return {
      bytes: Buffer.from(file.content, 'base64'),
      mediaType: MEDIA_TYPES[query.format],
      fileName: `${params.id}.${query.format}`,
      sha256: file.sha256,
    };
  },
});
