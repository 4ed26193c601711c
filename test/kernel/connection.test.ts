import { decodeCursor, decodeInstantCursor, encodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import { DomainError } from '@bridgework/kernel/errors';
import { expect, test } from 'vitest';

const rows = ['a', 'b', 'c'].map((id) => ({ id, at: '2026-01-01T00:00:00.000Z' }));

test('the surplus row says that there is more and is not shown', () => {
  const page = toConnection(rows, 2, null, (row) => row);
  expect(page.edges.map(({ node }) => node.id)).toEqual(['a', 'b']);
  expect(page.pageInfo).toEqual({
    hasNextPage: true,
    hasPreviousPage: false,
    startCursor: page.edges[0]?.cursor,
    endCursor: page.edges[1]?.cursor,
  });
});

test('an empty page ends the walk', () => {
  expect(toConnection([], 2, 'x', () => ({ at: '', id: '' }))).toEqual({
    edges: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null },
  });
});

test('a cursor leads back to its position', () => {
  const position = { at: '2026-01-01T00:00:00.123Z', id: 'apt_1' };
  expect(decodeCursor(encodeCursor(position))).toEqual(position);
  expect(decodeInstantCursor(encodeCursor(position))).toEqual({ at: new Date(position.at), id: 'apt_1' });
  expect(decodeCursor(undefined)).toBeNull();
});

test.each(['', 'x', 'bm9uc2Vuc2U', Buffer.from('["a"]').toString('base64url')])(
  'a cursor that we did not write is refused: %j',
  (text) => {
    expect(() => decodeCursor(text)).toThrow(DomainError);
  },
);

test('an instant cursor without an instant is refused', () => {
  expect(() => decodeInstantCursor(encodeCursor({ at: 'yesterday', id: 'apt_1' }))).toThrow(DomainError);
});

test.each([0, -1, 101, 1.5, Number.NaN])('a page of %d is refused', (first) => {
  expect(() => pageSize(first)).toThrow(DomainError);
});
