import { z } from 'zod';
import { ENVIRONMENTS, SCOPE_NAMES, type Scope } from './scopes.ts';

/**
 * The contract between the registry (integration subgraph) and the gateways, outside the graph.
 *
 * `GET /control/stream` answers newline-delimited JSON for as long as the gateway stays: a {@link SignedSnapshot} at
 * once and after every change, a heartbeat every two seconds. A snapshot is whole, so a gateway that missed one misses
 * nothing. It names documents by hash; `POST /control/documents` gives the texts, which prove themselves by their hash.
 * `POST /control/report` takes what the gateways have seen. `POST /control/look` is the stream's backstop: a gateway asks
 * it twice a second, and as soon as Redis says that it is worth asking.
 */
const scope = z.enum(SCOPE_NAMES as [Scope, ...Scope[]]);

export const ControlSnapshot = z.object({
  /** Raised by every committed change of what is below; a gateway never goes back. */
  generation: z.int(),
  issued_at: z.iso.datetime(),
  environment: z.enum(ENVIRONMENTS),
  integrations: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.enum(['ACTIVE', 'PAUSED', 'DEPRECATED']),
      review_due_on: z.string().nullable(),
      review_overdue: z.boolean(),
      /** May send query text and introspect; only ever true in the sandbox. */
      ad_hoc: z.boolean(),
    }),
  ),
  tokens: z.array(
    z.object({
      id: z.string(),
      integration_id: z.string(),
      name: z.string(),
      /** The ten public characters of the token, by which it is found. */
      public_id: z.string(),
      /** Hex HMAC-SHA-256 of the whole token under the pepper `pepper_id`. */
      secret_hash: z.string(),
      pepper_id: z.string(),
      scopes: z.array(scope),
      status: z.enum(['ACTIVE', 'REVOKED']),
      expires_at: z.iso.datetime().nullable(),
      allowed_cidrs: z.array(z.string()),
    }),
  ),
  documents: z.array(
    z.object({
      /** `sha256:<64 hex of the exact text>`. */
      id: z.string(),
      integration_id: z.string(),
      name: z.string(),
      /** The client's own keys for it (Relay's md5 and the like). */
      aliases: z.array(z.string()),
      /** APPROVED: to be made ready and reported, not to be served. BROKEN: answered 503. */
      status: z.enum(['ACTIVE', 'DEPRECATED', 'APPROVED', 'BROKEN', 'RETIRED']),
    }),
  ),
});
export type ControlSnapshot = z.infer<typeof ControlSnapshot>;

/** `payload` is the exact text of a {@link ControlSnapshot}; `signature` is Ed25519 over it, base64url. */
export const SignedSnapshot = z.object({ payload: z.string(), key_id: z.string(), signature: z.string() });
export type SignedSnapshot = z.infer<typeof SignedSnapshot>;

/** A line of the stream. */
export const ControlLine = z.union([SignedSnapshot, z.object({ heartbeat: z.literal(true) })]);
export type ControlLine = z.infer<typeof ControlLine>;

export const DocumentTextsRequest = z.object({ ids: z.array(z.string()).max(500) });
export const DocumentTexts = z.object({ documents: z.array(z.object({ id: z.string(), text: z.string() })) });
export type DocumentTexts = z.infer<typeof DocumentTexts>;

/** `POST /control/look`: is there something newer than what the gateway holds? */
export const ControlLook = z.object({ generation: z.int() });
export const ControlLooked = z.object({ snapshot: SignedSnapshot.nullable() });
export type ControlLooked = z.infer<typeof ControlLooked>;

/**
 * `POST /control/contracts`: what callable documents were approved as, and whose they are. A gateway that starts judges
 * them by its own graph before it serves anybody.
 */
export const DocumentContractsRequest = z.object({ ids: z.array(z.string()).max(500) });

const text = z.string();
const texts = z.array(text);
const record = <Value extends z.ZodType>(value: Value) => z.record(text, value);
export const DocumentContracts = z.object({
  contracts: z.array(
    z.object({
      document_id: text,
      name: text,
      text,
      integration_id: text,
      integration_name: text,
      internal_owner: text.nullable(),
      last_used_at: z.iso.datetime().nullable(),
      approved: z.object({
        scopes: z.array(z.array(scope)),
        manager: z.boolean(),
        piiClasses: texts,
        worstCost: z.number(),
        /** Missing of documents that were approved before contracts were kept. */
        contract: z
          .object({
            fields: record(text),
            defaults: record(text),
            inputs: record(text),
            answeredEnums: record(texts),
            sentEnums: record(texts),
            possibleTypes: record(texts),
            types: texts,
            fingerprint: text,
          })
          .exactOptional(),
      }),
    }),
  ),
});
export type DocumentContracts = z.infer<typeof DocumentContracts>;

/** `POST /control/broken`: what a gateway was told to go on without. */
export const BrokenDocuments = z.object({
  documents: z
    .array(z.object({ document_id: text, integration_id: text, reasons: z.array(text.max(2_000)).min(1).max(50) }))
    .max(500),
});
export type BrokenDocuments = z.infer<typeof BrokenDocuments>;

/** `POST /control/message-callback`: what a message provider called back, to be judged by its signature. */
export const MessageCallback = z.object({
  provider: text.max(50),
  url: text,
  body: text,
  signature: text,
});
export type MessageCallback = z.infer<typeof MessageCallback>;
/** `known`: there is such a provider. `taken`: its signature is good. */
export const MessageCallbackTaken = z.object({ taken: z.boolean(), known: z.boolean() });
export type MessageCallbackTaken = z.infer<typeof MessageCallbackTaken>;

/** `POST /control/message-subscription`: the word by which Meta proves that it was told of our address. */
export const MessageSubscription = z.object({ token: text });
export type MessageSubscription = z.infer<typeof MessageSubscription>;
export const MessageSubscriptionVerified = z.object({ known: z.boolean() });
export type MessageSubscriptionVerified = z.infer<typeof MessageSubscriptionVerified>;

/** A batch is applied once, whoever sends it again. */
export const ControlReport = z.object({
  batch_id: z.string(),
  gateway_id: z.string(),
  /** Refused requests, to be audited. `count` > 1 only where unknown tokens were summed up per source and minute. */
  refusals: z.array(
    z.object({
      integration_id: z.string().nullable(),
      actor: z.string(),
      action: z.string(),
      entity: z.string(),
      entity_id: z.string().nullable(),
      code: z.string(),
      message: z.string(),
      request_id: z.string(),
      occurred_at: z.iso.datetime(),
      count: z.int().min(1),
    }),
  ),
  /** Uses since the last batch. `operation` is a document id or a REST operation's name. */
  uses: z.array(
    z.object({
      integration_id: z.string(),
      token_id: z.string(),
      operation: z.string(),
      count: z.int().min(1),
      last_used_at: z.iso.datetime(),
    }),
  ),
  /** Documents this gateway tried to make ready. */
  compiled: z.array(
    z.object({ document_id: z.string(), integration_id: z.string(), ok: z.boolean(), error: z.string().nullable() }),
  ),
  /** Requests of the REST API since the last batch, for those who sent them. */
  requests: z
    .array(
      z.object({
        request_id: z.string(),
        token_id: z.string(),
        method: z.string().max(20),
        /** As the reference writes it, never with an id in it. */
        route: z.string(),
        status: z.int().min(100).max(599),
        /** Code of the problem that was answered. */
        problem: z.string().nullable(),
        received_at: z.iso.datetime(),
        duration_ms: z.int().min(0),
      }),
    )
    .default([]),
});
export type ControlReport = z.infer<typeof ControlReport>;
