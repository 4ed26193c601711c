/** A sentence for the person at the terminal that says what to do; printed without a stack. */
export class PlainError extends Error {
  constructor(sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'PlainError';
  }
}

/** What was typed is no command of ours: exit code 2. */
export class UsageError extends PlainError {}
