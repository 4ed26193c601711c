import { afterAll, beforeAll, expect, test } from 'vitest';
import './specification/principles-and-boundary.ts';
import './specification/tokens-and-api.ts';
import './specification/webhooks.ts';
import './specification/scenarios.ts';
import './specification/exports.ts';
import './specification/failures.ts';
import './specification/audit-and-privacy.ts';
import './specification/governance-and-testing.ts';
import './specification/acceptance.ts';
import { ITEMS, type ItemId } from './specification/items.ts';
import { beginWalk, endWalk, proven } from './specification/walk.ts';

/**
 * Walks the specification's acceptance criteria and mandatory lists through the front door of a running, throw-away clinic and
 * prints each with what was seen: `npm run acceptance`. The rules behind them are proven one by one in docs/rules.md.
 */
beforeAll(beginWalk, 90_000);
afterAll(async () => {
  await endWalk();
  const lines = Object.entries(ITEMS).map(
    ([id, text]) => `§${id} ${text}\n    ${proven().get(id as ItemId) ?? 'NOT PROVEN'}`,
  );
  console.log(`\n${lines.join('\n')}\n\n${proven().size} of ${lines.length} proven\n`);
});

test('every criterion and every entry of every list has its proof', () => {
  expect(Object.keys(ITEMS).filter((id) => !proven().has(id as ItemId))).toEqual([]);
});
