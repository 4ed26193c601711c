import type { ClaimedMessage } from '@bridgework/integration';
import { formatMinor } from '@bridgework/kernel/money';

/** A message in words, and its parts for a provider that keeps the words itself. */
export interface Rendered {
  readonly text: string;
  /** The values in the order in which the template names them. */
  readonly values: readonly string[];
}

/**
 * The words. No name, no treatment, no provider: whoever sees the telephone learns as little as can be. WhatsApp sends
 * only what Meta has approved before: templates of the same names and languages, with the same places {{1}}, {{2}} …
 */
const TEXTS: Record<string, Record<ClaimedMessage['locale'], string>> = {
  appointment_reminder: {
    ar: 'تذكير من {{1}}: موعدك يوم {{2}} الساعة {{3}}. للإيقاف أرسل STOP',
    en: '{{1}}: your appointment is on {{2}} at {{3}}. Reply STOP to opt out.',
  },
  payment_due: {
    ar: 'تذكير من {{1}}: دفعة {{2}} تستحق يوم {{3}}. للإيقاف أرسل STOP',
    en: '{{1}}: a payment of {{2}} is due on {{3}}. Reply STOP to opt out.',
  },
};

/** Gregorian, with the digits that every telephone shows in the same order. */
const LOCALES = { ar: 'ar-u-ca-gregory-nu-latn', en: 'en-GB-u-ca-gregory-nu-latn' } as const;

/** The message as the patient reads it. Throws when there is no such template. */
export function renderMessage(message: ClaimedMessage): Rendered {
  const words = TEXTS[message.template]?.[message.locale];
  if (words === undefined) throw new Error(`There is no template ${message.template} in ${message.locale}.`);
  const values = [message.clinicName, ...factsOf(message)];
  return { text: words.replaceAll(/\{\{(\d)\}\}/g, (place, number) => values[Number(number) - 1] ?? place), values };
}

function factsOf({ subject, locale, timeZone }: ClaimedMessage): readonly string[] {
  if (subject.kind === 'appointment') {
    const at = (options: Intl.DateTimeFormatOptions) => write(subject.startsAt, locale, { ...options, timeZone });
    return [at(DAY), at({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })];
  }
  const amount = formatMinor(subject.owedMinor, subject.exponent);
  // A date stands for itself in every time zone.
  return [`${amount} ${subject.currency}`, write(new Date(subject.dueOn), locale, { ...DAY, timeZone: 'UTC' })];
}

const DAY: Intl.DateTimeFormatOptions = { weekday: 'long', day: 'numeric', month: 'long' };

/** Without marks of direction, which some telephones show as boxes. */
const write = (at: Date, locale: ClaimedMessage['locale'], options: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat(LOCALES[locale], options).format(at).replaceAll(/[\u200E\u200F\u061C]/g, '');
