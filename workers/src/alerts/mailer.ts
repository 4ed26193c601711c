import { claimUnmailedAlerts, finishMail, type UnmailedAlert } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { createTransport } from 'nodemailer';
import { type Repeating, repeat } from '../schedule.ts';

export interface MailerOptions {
  /** `smtp://user:password@host:port`, or smtps. */
  readonly smtpUrl: string;
  readonly from: string;
  readonly to: readonly string[];
  /** What comes within this time goes into one mail. */
  readonly everyMs?: number;
}

const EVERY_MS = 30_000;
const TIMEOUT_MS = 10_000;

/**
 * Writes to people: all alerts of half a minute in one mail, so that a bad day fills nobody's inbox. An alert is written
 * about until a mail server has taken it; a server that is away holds up nothing else.
 */
export function startMailer(ctx: Context, options: MailerOptions): Repeating {
  const transport = createTransport(options.smtpUrl, {
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  } as object);
  const everyMs = options.everyMs ?? EVERY_MS;

  const repeating = repeat('alert.mail', ctx.log, async () => {
    const alerts = await claimUnmailedAlerts(ctx);
    if (alerts.length === 0) return everyMs;
    const sent = await transport
      .sendMail({ from: options.from, to: [...options.to], ...digestOf(alerts) })
      .then(() => true)
      .catch((error: Error) => {
        ctx.log.error({ alerts: alerts.length, reason: error.message }, 'alert.not_mailed');
        return false;
      });
    await finishMail(ctx, alerts, sent);
    if (sent) ctx.log.info({ alerts: alerts.length }, 'alert.mailed');
    return everyMs;
  });
  return {
    async close() {
      await repeating.close();
      transport.close();
    },
  };
}

/** Subject and text of one mail about these alerts. */
export function digestOf(alerts: readonly UnmailedAlert[]): { readonly subject: string; readonly text: string } {
  const kinds = [...new Set(alerts.map(({ kind }) => kind))].toSorted();
  const count = alerts.length === 1 ? '1 alert' : `${alerts.length} alerts`;
  const lines = alerts.map(({ raisedAt, kind, detail }) => `${raisedAt.toISOString()}  ${kind}\n  ${detail}`);
  return {
    subject: `Bridgework: ${count} (${kinds.join(', ')})`,
    text: `${lines.join('\n\n')}\n\nManagers see them all, and confirm having seen them, under "alerts" in the graph.\n`,
  };
}
