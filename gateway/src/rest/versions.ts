/** Version of the v1 contract: additive changes raise the middle number, corrections the last. */
export const API_VERSION = '1.0.0';

/** The contracts that are served side by side. A breaking change makes a new one; see docs/decisions/0024. */
export const VERSIONS = [
  { major: 'v1', version: API_VERSION },
  { major: 'v2', version: '2.0.0' },
] as const;

export type Major = (typeof VERSIONS)[number]['major'];

export const prefixOf = (major: Major): `/api/${Major}` => `/api/${major}`;

export const belongsTo = (path: string, major: Major): boolean => path.startsWith(`${prefixOf(major)}/`);
