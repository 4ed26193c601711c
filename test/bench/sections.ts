import type { Section } from './section.ts';
import { graphSection } from './sections/graph.ts';

/** The parts of `npm run bench`, in the order of the report. */
export const sections: readonly Section[] = [graphSection];
