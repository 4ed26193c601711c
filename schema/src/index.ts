export * from './control.ts';
export * from './events.ts';
export * from './jobs.ts';
export * from './scopes.ts';
