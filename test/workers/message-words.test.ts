import type { ClaimedMessage } from '@bridgework/integration';
import { describe, expect, test } from 'vitest';
import { isStopWord } from '../../subgraphs/integration/src/messages/stop-words.ts';
import { countSegments } from '../../workers/src/messages/segments.ts';
import { renderMessage } from '../../workers/src/messages/templates.ts';

const message = (given: Partial<ClaimedMessage>): ClaimedMessage => ({
  id: 'msg_1',
  channel: 'SMS',
  template: 'appointment_reminder',
  locale: 'ar',
  leaseToken: 'x',
  attempts: 1,
  unclearAttempts: 0,
  phone: '+966501234567',
  clinicName: 'عيادة الابتسامة',
  timeZone: 'Asia/Riyadh',
  subject: { kind: 'appointment', startsAt: new Date('2026-03-01T06:30:00Z') },
  ...given,
});
const payment = { kind: 'payment', dueOn: '2026-03-01', owedMinor: 12_345, currency: 'KWD', exponent: 3 } as const;

describe('a reminder', () => {
  test('of an appointment says when it is where the clinic is', () => {
    expect(renderMessage(message({})).text).toBe(
      'تذكير من عيادة الابتسامة: موعدك يوم الأحد، 1 مارس الساعة 09:30. للإيقاف أرسل STOP',
    );
    expect(renderMessage(message({ locale: 'en', clinicName: 'Bright Smile' })).text).toBe(
      'Bright Smile: your appointment is on Sunday 1 March at 09:30. Reply STOP to opt out.',
    );
  });

  test('of a payment says how much, in decimals of its currency, and until when', () => {
    const due = message({ template: 'payment_due', subject: payment });
    expect(renderMessage(due).text).toBe(
      'تذكير من عيادة الابتسامة: دفعة 12.345 KWD تستحق يوم الأحد، 1 مارس. للإيقاف أرسل STOP',
    );
    expect(renderMessage({ ...due, locale: 'en', clinicName: 'Bright Smile' }).text).toBe(
      'Bright Smile: a payment of 12.345 KWD is due on Sunday 1 March. Reply STOP to opt out.',
    );
  });

  test('gives a provider that keeps the words their values in the same order', () => {
    const { text, values } = renderMessage(message({}));
    expect(values).toEqual(['عيادة الابتسامة', 'الأحد، 1 مارس', '09:30']);
    for (const value of values) expect(text).toContain(value);
  });

  test('takes two short messages at most in Arabic, one in English', () => {
    const longest = { kind: 'appointment', startsAt: new Date('2026-09-30T18:30:00Z') } as const;
    expect(countSegments(renderMessage(message({ subject: longest })).text)).toBeLessThanOrEqual(2);
    expect(
      countSegments(renderMessage(message({ locale: 'en', clinicName: 'Bright Smile', subject: longest })).text),
    ).toBe(1);
  });
});

test.each(['STOP', ' stop. ', 'Stop!', 'UNSUBSCRIBE', 'إيقاف', 'ايقاف', 'إيــقاف!', 'أَوقِف', 'إلغاء'])(
  '%s is a wish for silence',
  (text) => expect(isStopWord(text)).toBe(true),
);
test.each(['', 'stop by at nine?', 'I cannot stop smiling', 'نعم', 'شكرا', 'لا إيقاف'])('%s is none', (text) =>
  expect(isStopWord(text)).toBe(false),
);
