import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import type { MessageChannel } from './message.ts';
import { textArray } from './plan-messages.ts';

/** A message that this worker alone may send, as long as its lease lasts. Never logged: it holds a telephone number. */
export interface ClaimedMessage {
  readonly id: string;
  readonly channel: MessageChannel;
  readonly template: string;
  readonly locale: 'ar' | 'en';
  readonly leaseToken: string;
  /** This one included. */
  readonly attempts: number;
  /** Earlier attempts of which nobody knows whether the provider took them. */
  readonly unclearAttempts: number;
  readonly phone: string;
  readonly clinicName: string;
  readonly timeZone: string;
  readonly subject: MessageSubject;
}

export type MessageSubject =
  | { readonly kind: 'appointment'; readonly startsAt: Date }
  /** `dueOn` is `YYYY-MM-DD`; the amount is in minor units of a currency with so many decimals. */
  | {
      readonly kind: 'payment';
      readonly dueOn: string;
      readonly owedMinor: number;
      readonly currency: string;
      readonly exponent: number;
    };

interface ClaimedRow extends Record<string, unknown> {
  readonly id: string;
  readonly channel: MessageChannel;
  readonly template: string;
  readonly locale: 'ar' | 'en';
  readonly lease_token: string;
  readonly attempts: number;
  readonly unclear_attempts: number;
  readonly phone: string;
  readonly clinic_name: string;
  readonly time_zone: string;
  readonly starts_at: string | null;
  readonly due_on: string | null;
  readonly owed_minor: string | null;
  readonly currency: string | null;
  readonly exponent: number | null;
}

export interface ClaimOptions {
  readonly channel: MessageChannel;
  readonly atMost: number;
  readonly leaseSeconds: number;
}

/**
 * Takes what may be sent now by one channel, oldest first. What may not, because it changed, was paid, the patient wants
 * none or it is too late, ends; what the night defers waits for the morning.
 */
export async function claimMessages(ctx: Context, options: ClaimOptions): Promise<readonly ClaimedMessage[]> {
  const rows = await ctx.db.execute<ClaimedRow>(sql`
    select id, channel, template, locale, lease_token, attempts, unclear_attempts, phone, clinic_name, time_zone, starts_at,
        due_on::text, owed_minor, currency, exponent
      from integration.claim_messages(${ctx.now().toISOString()}::timestamptz, ${textArray([options.channel])},
        ${options.atMost}, ${options.leaseSeconds})`);
  return rows.map((row) => ({
    id: row.id,
    channel: row.channel,
    template: row.template,
    locale: row.locale,
    leaseToken: row.lease_token,
    attempts: row.attempts,
    unclearAttempts: row.unclear_attempts,
    phone: row.phone,
    clinicName: row.clinic_name,
    timeZone: row.time_zone,
    subject: subjectOf(row),
  }));
}

function subjectOf(row: ClaimedRow): MessageSubject {
  const { starts_at: startsAt, due_on: dueOn, owed_minor: owedMinor, currency, exponent } = row;
  if (startsAt !== null) return { kind: 'appointment', startsAt: new Date(startsAt) };
  if (dueOn === null || currency === null || exponent === null) throw new Error(`Message ${row.id} speaks of nothing.`);
  return { kind: 'payment', dueOn, owedMinor: Number(owedMinor), currency, exponent };
}
