import { join } from 'node:path';
import type { WorkersConfig } from '@bridgework/kernel/config';
import type { Context } from '@bridgework/kernel/context';
import type { Metrics } from '@bridgework/kernel/metrics';
import type { Egress } from '../outbound/egress.ts';
import type { Repeating } from '../schedule.ts';
import { createCapture } from './capture.ts';
import { startPlanner } from './planner.ts';
import { PROVIDER_DEADLINE_MS, type Provider } from './provider.ts';
import { startSender } from './sender.ts';
import { createTwilio } from './twilio.ts';
import { createWhatsApp } from './whatsapp.ts';

export type MessageSettings = Pick<WorkersConfig, 'CLINIC_ENV' | 'DATA_DIR'> &
  Partial<
    Pick<
      WorkersConfig,
      | 'TWILIO_ACCOUNT_SID'
      | 'TWILIO_AUTH_TOKEN'
      | 'TWILIO_FROM'
      | 'TWILIO_URL'
      | 'WHATSAPP_PHONE_NUMBER_ID'
      | 'WHATSAPP_ACCESS_TOKEN'
      | 'WHATSAPP_URL'
      | 'PUBLIC_URL'
    >
  >;

export interface MessageDependencies {
  readonly egress: Egress;
  readonly contextOf: (job: string) => Context;
  readonly random: () => number;
  readonly metrics?: Metrics | undefined;
  /** Between two looks of planner and senders. */
  readonly everyMs?: number | undefined;
  /** How long a provider may take. */
  readonly deadlineMs?: number | undefined;
}

/** Where the sandbox's messages can be read, in the workers' DATA_DIR. */
export const CAPTURE_FILE = 'captured-messages.jsonl';

/** Everything that reminds patients: one planner, one sender for each provider there is. */
export function startMessages(config: MessageSettings, deps: MessageDependencies): readonly Repeating[] {
  const { contextOf, random, everyMs } = deps;
  const providers = createProviders(config, withDeadline(deps.egress, deps.deadlineMs ?? PROVIDER_DEADLINE_MS));
  const counter = deps.metrics?.counter('bridgework_message_attempts_total', 'Attempts to send messages, by answer.', [
    'provider',
    'outcome',
  ]);
  const pace = everyMs === undefined ? {} : { everyMs };
  return [
    startPlanner(contextOf('message.plan'), { channels: providers.map(({ channel }) => channel), ...pace }),
    ...providers.map((provider) =>
      startSender(contextOf('message.send'), {
        provider,
        random,
        attempted: (name, outcome) => counter?.inc({ provider: name, outcome }),
        ...pace,
      }),
    ),
  ];
}

const withDeadline = (egress: Egress, deadlineMs: number): Pick<Egress, 'post'> => ({
  post: (url, request) => egress.post(url, { ...request, deadlineMs }),
});

/** WhatsApp before SMS, for whoever agreed to both. In the sandbox what is not set is captured; in production it is off. */
function createProviders(config: MessageSettings, egress: Pick<Egress, 'post'>): readonly Provider[] {
  const { CLINIC_ENV, DATA_DIR } = config;
  const capture = (channel: Provider['channel']) =>
    CLINIC_ENV === 'sandbox' ? createCapture(channel, join(DATA_DIR, CAPTURE_FILE)) : undefined;
  const providers = [whatsAppOf(config, egress) ?? capture('WHATSAPP'), twilioOf(config, egress) ?? capture('SMS')];
  return providers.filter((provider) => provider !== undefined);
}

function twilioOf(config: MessageSettings, egress: Pick<Egress, 'post'>): Provider | undefined {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken, TWILIO_FROM: from, TWILIO_URL: url } = config;
  if (accountSid === undefined || authToken === undefined || from === undefined || url === undefined) return undefined;
  const callbackOrigin = config.PUBLIC_URL?.replace(/\/$/, '');
  return createTwilio({ url, accountSid, authToken, from, callbackOrigin }, egress);
}

function whatsAppOf(config: MessageSettings, egress: Pick<Egress, 'post'>): Provider | undefined {
  const { WHATSAPP_PHONE_NUMBER_ID: phoneNumberId, WHATSAPP_ACCESS_TOKEN: accessToken, WHATSAPP_URL: url } = config;
  if (phoneNumberId === undefined || accessToken === undefined || url === undefined) return undefined;
  return createWhatsApp({ url, phoneNumberId, accessToken }, egress);
}
