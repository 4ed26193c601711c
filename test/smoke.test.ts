import { isId, newId } from '@bridgework/kernel/ids';
import { expect, test } from 'vitest';

test('a new id has the shape of its kind and of no other', () => {
  const id = newId('pay');
  expect(isId('pay', id)).toBe(true);
  expect(isId('inv', id)).toBe(false);
});
