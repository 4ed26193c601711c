/** Something that happens at a time of the clinic's day. */
export interface Happening {
  readonly at: Date;
  readonly act: () => Promise<void>;
}

/** What is still to happen, earliest first; of two at the same time the one that was added first. */
export interface Agenda {
  add(at: Date, act: Happening['act']): void;
  next(): Happening | undefined;
}

export function createAgenda(): Agenda {
  const waiting: Happening[] = [];
  return {
    add: (at, act) => {
      const later = waiting.findIndex((one) => one.at > at);
      waiting.splice(later === -1 ? waiting.length : later, 0, { at, act });
    },
    next: () => waiting.shift(),
  };
}
