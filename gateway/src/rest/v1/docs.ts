import { definePage } from '../define-route.ts';
import { writeReferencePage } from '../docs/reference-page.ts';

export const getDocsV1 = definePage({
  path: '/api/v1/docs',
  tag: 'About',
  summary: 'This reference as a page for people.',
  write: (facts) => writeReferencePage(facts),
});
