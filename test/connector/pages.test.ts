import { readAllPages } from '../../src/connector/pages';

/** The token of each page is its number; the last one repeats the token `again`, or has none. */
async function read(count: number, { mostPages = 100, again }: { mostPages?: number; again?: string } = {}) {
  const { pages, isPartial } = await readAllPages({
    ask: async (token = '0') => Number(token),
    nextTokenOf: (page) => (page + 1 < count ? String(page + 1) : again),
    mostPages,
  });
  return { pages, isPartial };
}

test('all pages are read in their order, one without a token ends the list', async () => {
  expect(await read(1)).toEqual({ pages: [0], isPartial: false });
  expect(await read(3)).toEqual({ pages: [0, 1, 2], isPartial: false });
});

test('a token that comes twice ends it as partial, each page read once', async () => {
  expect(await read(3, { again: '1' })).toEqual({ pages: [0, 1, 2], isPartial: true });
});

test('more pages than the other side may give are not asked for', async () => {
  expect(await read(3, { mostPages: 3 })).toEqual({ pages: [0, 1, 2], isPartial: false });
  expect(await read(4, { mostPages: 3 })).toEqual({ pages: [0, 1, 2], isPartial: true });
});
