import type { SandboxCredentials } from './credentials.ts';
import type { MetricsPorts } from './metrics-ports.ts';
import { addDays, dateOf, instantAt } from './seed/calendar.ts';

export interface BannerInput {
  readonly credentials: SandboxCredentials;
  readonly credentialsFile: string;
  readonly logFolder: string;
  readonly metricsPorts: MetricsPorts;
  /** An invoice on which something is owed. */
  readonly payable: { readonly invoiceId: string; readonly amountMinor: number; readonly currency: string } | undefined;
  readonly now: Date;
  readonly tookMs: number;
}

/** Where everything is and what to try first; each command is one line, ready to paste. */
export function renderBanner(input: BannerInput): string {
  const { credentials, credentialsFile, logFolder, metricsPorts, payable, now, tookMs } = input;
  const { gateway_url: gateway, managers, partners, webhook } = credentials;
  const [desk, terminal] = partners;
  const [manager] = managers;
  const yesterday = addDays(dateOf(now), -1);
  const day = {
    from: instantAt(yesterday, 0).toISOString(),
    to: instantAt(addDays(yesterday, 1), 0).toISOString(),
    first: 3,
  };
  const post = (token: string | undefined, body: unknown) =>
    `curl -s ${gateway}/graphql -H 'authorization: Bearer ${token}' -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  const lines = [
    '',
    `Bridgework is ready (${(tookMs / 1000).toFixed(1)} s). A sandbox with made-up data; nothing here is real.`,
    '',
    `  graph              ${gateway}/graphql`,
    `  GraphiQL           ${gateway}/graphiql (paste the sign-in of a manager from the credentials)`,
    `  REST v1            ${gateway}/api/v1, its documentation ${gateway}/api/v1/docs`,
    `  webhook receiver   ${webhook.receiver_url}`,
    `  credentials        ${credentialsFile}`,
    `  logs               ${logFolder}`,
    `  metrics            http://127.0.0.1:${metricsPorts.gateway}/metrics (gateway), :${metricsPorts.host} (subgraphs), :${metricsPorts.workers} (workers)`,
    '',
    "A partner's registered query: yesterday's day sheet, from all four subgraphs",
    `  ${post(desk?.token, { documentId: desk?.documents.DaySheet, variables: day })}`,
    '',
    'The same clinic over REST',
    `  curl -s '${gateway}/api/v1/appointments?limit=3' -H 'authorization: Bearer ${desk?.token}'`,
    ...(payable === undefined
      ? []
      : [
          '',
          'A card terminal confirms a payment; paste it twice: it is recorded once',
          `  ${confirmPayment(gateway, terminal?.token, payable, now)}`,
        ]),
    '',
    'A manager asks the clinic to complete an appointment …',
    `  ${post(manager?.jwt, {
      query:
        'mutation($key: String!) { simulateCoreEvent(type: "appointment.completed", idempotencyKey: $key) { id type } }',
      variables: { key: `try-${now.getTime()}` },
    })}`,
    '… and the webhook has arrived, signed and verified',
    `  curl -s ${webhook.receiver_url}`,
    '',
    'Ctrl-C stops everything and keeps the data. npm run reset forgets it. npm run credentials signs the managers in anew.',
    '',
  ];
  return lines.join('\n');
}

function confirmPayment(
  gateway: string,
  token: string | undefined,
  { invoiceId, amountMinor, currency }: NonNullable<BannerInput['payable']>,
  now: Date,
): string {
  const body = {
    invoice_id: invoiceId,
    amount_minor: amountMinor,
    currency,
    terminal_id: 'DESK-1',
    terminal_txn_id: `TRY-${now.getTime().toString(36).toUpperCase()}`,
    captured_at: now.toISOString(),
  };
  return `curl -s ${gateway}/api/v1/payment-confirmations -H 'authorization: Bearer ${token}' -H 'idempotency-key: ${body.terminal_txn_id}' -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
}
