import type { ErrorCode } from '@bridgework/kernel/errors';

/** What a problem means and what the caller can do about it: one row per code, as docs/errors.md tells it. */
export interface ProblemGuide {
  readonly meaning: string;
  readonly remedy: string;
}

const guide = (meaning: string, remedy: string): ProblemGuide => ({ meaning, remedy });

export const PROBLEM_GUIDES: Readonly<Record<ErrorCode, ProblemGuide>> = {
  MALFORMED_JSON: guide(
    'The body is not JSON that every reader understands alike: syntax, a key given twice, invalid UTF-8, half a surrogate pair.',
    'Mend the place that errors[] names, then send again.',
  ),
  UNKNOWN_FIELD: guide(
    'A field or query parameter is not part of this operation; nothing is silently ignored.',
    'Remove it, or compare its spelling with the OpenAPI file.',
  ),
  VALIDATION_FAILED: guide(
    'A value is missing or not of the required form; errors[] names each place.',
    'Mend the places in errors[], then send again.',
  ),
  IDEMPOTENCY_KEY_MISSING: guide(
    'A write came without an Idempotency-Key.',
    'Make a key for each operation, store it before sending, and repeat it with each retry.',
  ),
  PERSISTED_DOCUMENT_REQUIRED: guide(
    'Query text was sent; partners run registered documents by id.',
    'Register the document, then send its id as documentId.',
  ),
  GRAPHQL_VALIDATION_FAILED: guide(
    'The document or its variables do not fit the graph.',
    'Validate the document against the current schema.',
  ),
  LIMIT_EXCEEDED: guide(
    'The document is deeper, wider or dearer than this environment allows.',
    'Ask for less at once: a smaller first, fewer aliases, less depth.',
  ),
  MISSING_TOKEN: guide('There is no bearer token.', 'Send Authorization: Bearer <token>.'),
  INVALID_TOKEN: guide(
    'The token is unknown, revoked, expired, or not allowed from this address; which of these is not told.',
    'Check the token with the clinic; do not retry with the same one.',
  ),
  WRONG_ENVIRONMENT: guide(
    'A sandbox token was sent to production, or the reverse.',
    'Use the token that was issued for this environment.',
  ),
  INSUFFICIENT_SCOPE: guide(
    'The operation needs a scope that this token does not carry; `scope` names what is required.',
    'Ask the clinic to approve the scope and issue a token with it.',
  ),
  FORBIDDEN: guide('The operation is for managers of the clinic.', 'Ask a manager of the clinic.'),
  INTEGRATION_PAUSED: guide(
    'The clinic has paused or ended this integration.',
    'Ask the clinic; retrying does not help.',
  ),
  REVIEW_OVERDUE: guide(
    'The review of this integration is overdue, so it is closed until a manager completes it.',
    'Ask the clinic to complete the review.',
  ),
  NOT_FOUND: guide(
    'Nothing of this kind exists under this id, or it belongs to somebody else; both answer alike.',
    'Check the id and the path.',
  ),
  PERSISTED_DOCUMENT_NOT_FOUND: guide(
    'No active document of this integration has this id.',
    'Compare the id with the registered set, and see that the set is active.',
  ),
  METHOD_NOT_ALLOWED: guide('The path exists but takes other methods.', 'Use one of the methods in Allow.'),
  NOT_ACCEPTABLE: guide('Accept excludes JSON, the only form there is.', 'Send Accept: application/json, or none.'),
  CONFLICT: guide('The thing is in a state that does not allow this.', 'Read it again and decide anew.'),
  IDEMPOTENCY_IN_PROGRESS: guide(
    'A request with the same key is still running.',
    'Retry with the same key after Retry-After.',
  ),
  PERIOD_OPEN: guide('The period is not closed, so its figures are not final.', 'Ask again after it has been closed.'),
  CLINIC_AUTHORITATIVE: guide(
    "The clinic's record differs from what was sent and stays as it is.",
    'Take over the state of the clinic.',
  ),
  SLOT_CONFLICT: guide('The provider or chair is taken at this time.', 'Choose another time.'),
  TRANSACTION_CONFLICT: guide(
    'This terminal transaction was confirmed before with other content; the clinic reviews it.',
    'Do not send it again; a manager of the clinic resolves it.',
  ),
  INVOICE_NOT_PAYABLE: guide(
    'The invoice is a draft or void; the capture was noted for the clinic to review.',
    'Do not send it again; a manager of the clinic resolves it.',
  ),
  INVOICE_ALREADY_PAID: guide(
    'Nothing is owed on the invoice; the capture was noted for the clinic to review.',
    'Do not send it again; a manager of the clinic resolves it.',
  ),
  DOCUMENT_RETIRED: guide('The document was retired and runs no more.', 'Move to its successor.'),
  VERSION_RETIRED: guide(
    'The sunset of this version has passed.',
    'Move to the version in Link rel="successor-version".',
  ),
  PRECONDITION_FAILED: guide(
    'The thing changed after it was read.',
    'Read it again and repeat the change with its new ETag.',
  ),
  PAYLOAD_TOO_LARGE: guide('The body is larger than this operation takes.', 'Send less, or in several requests.'),
  UNSUPPORTED_MEDIA_TYPE: guide(
    'The body is not declared as uncompressed JSON in UTF-8.',
    'Send Content-Type: application/json.',
  ),
  IDEMPOTENCY_KEY_REUSED: guide(
    'This key was used with other content.',
    'Use a new key for a new operation; a retry repeats the content exactly.',
  ),
  CURRENCY_MISMATCH: guide(
    'The currency is not that of the invoice; the capture was noted for the clinic to review.',
    'Read the payable invoice before capturing.',
  ),
  AMOUNT_EXCEEDS_BALANCE: guide(
    'More was captured than is owed; the ledger is unchanged and the clinic reviews it.',
    'Do not send it again; read the payable invoice before capturing.',
  ),
  CAPTURED_IN_FUTURE: guide(
    'captured_at lies more than five minutes ahead.',
    "Set the terminal's clock, then send again with a new key.",
  ),
  CONFIRMATION_TOO_OLD: guide(
    'captured_at is more than seven days ago; the capture was noted for the clinic to review.',
    'Do not send it again; a manager of the clinic resolves it.',
  ),
  SENSITIVE_DATA: guide(
    'The request holds what looks like a card number; it was neither stored nor logged.',
    'Send the scheme and the last four digits only.',
  ),
  PRECONDITION_REQUIRED: guide('A change came without If-Match.', 'Read the thing, then send its ETag as If-Match.'),
  QUOTA_EXCEEDED: guide('More was asked for than the quota allows.', 'Wait for Retry-After, then go on more slowly.'),
  INTERNAL: guide('The fault is ours.', 'Retry with the same Idempotency-Key; if it stays, tell us the request id.'),
  TEMPORARILY_UNAVAILABLE: guide(
    'A part of the system is away; nothing was stored.',
    'Retry after Retry-After; a write with the same Idempotency-Key.',
  ),
};
