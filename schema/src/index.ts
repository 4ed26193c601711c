export * from './control.ts';
export * from './scopes.ts';
