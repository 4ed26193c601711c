/**
 * One stay of a lane in its slot: what it has on the way, and a bell that rings whenever something of that changes or its
 * time is over.
 */
export class Turn {
  /** Requests that wait for an answer. */
  onTheWay = 0;
  /** Deliveries that were sent and are not settled; those on the way are among them. */
  unsettled = 0;
  /** Deliveries that were sent, answered or not. */
  sent = 0;
  /** Something new may be due. Taken back by whoever looks. */
  news = false;
  /** Leases of this turn that may have unsettled deliveries. */
  readonly leases = new Set<string>();
  readonly #from = performance.now();
  readonly #until: number;
  #timer: NodeJS.Timeout;
  #bell: (() => void) | undefined;

  constructor(ms: number) {
    this.#until = this.#from + ms;
    this.#timer = this.#ringAfter(ms);
  }

  get over(): boolean {
    return performance.now() >= this.#until;
  }

  /** How many more it will send within `ms`, and before its time is over, at the pace it had so far. */
  expected(ms: number): number {
    const now = performance.now();
    return Math.ceil((this.sent / (now - this.#from)) * Math.max(0, Math.min(ms, this.#until - now)));
  }

  ring(): void {
    this.#bell?.();
  }

  /** Resolves at the next ring. One at a time may wait. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#bell = resolve;
    });
  }

  /** A timer may come a little early; nobody may sleep over the end for that. */
  #ringAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      if (!this.over) this.#timer = this.#ringAfter(1);
      this.ring();
    }, ms).unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
