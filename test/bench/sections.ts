import type { Section } from './section.ts';
import { confirmationsSection } from './sections/confirmations.ts';
import { coreWritesSection } from './sections/core-writes.ts';
import { endToEndSection } from './sections/end-to-end.ts';
import { graphSection } from './sections/graph.ts';
import { steadySection } from './sections/steady.ts';
import { subgraphsSection } from './sections/subgraphs.ts';
import { webhooksSection } from './sections/webhooks.ts';

/** The parts of `npm run bench`, in the order of the report. */
export const sections: readonly Section[] = [
  graphSection,
  endToEndSection,
  subgraphsSection,
  confirmationsSection,
  steadySection,
  webhooksSection,
  coreWritesSection,
];
