/** What carriers and people write to be left alone. @see CTIA Messaging Principles and Best Practices, 5.1 */
const STOP_WORDS = new Set(
  [
    ...['stop', 'stopall', 'stop all', 'unsubscribe', 'cancel', 'end', 'quit', 'optout', 'opt out', 'revoke'],
    ...['إيقاف', 'ايقاف', 'أوقف', 'وقف', 'توقف', 'قف', 'إلغاء', 'إلغاء الاشتراك', 'الغاء', 'كفى', 'ستوب'],
  ].map(normalise),
);

/** True when a reply is nothing but a wish for silence: "stop", " STOP. ", "إيقاف", "إيــقاف!", "أَوقِف". */
export const isStopWord = (text: string): boolean => STOP_WORDS.has(normalise(text));

/** Without case, vowel marks, lengthening, punctuation, and the kinds of alif. */
function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\u064B-\u065F\u0670\u0640]/g, '')
    .replaceAll(/[أإآٱ]/g, 'ا')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
