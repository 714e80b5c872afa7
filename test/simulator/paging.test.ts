import { listPage, pageArrays } from '../../src/simulator/paging';

const NEWEST_FIRST = ['9', '8', '7', '6', '5', '4', '3'];

function page(items: readonly string[], token?: string) {
  return listPage(items, { params: { page_token: token }, size: 3, idOf: (item) => item });
}

describe('pages of a list', () => {
  test('lead on to the end and back to the start', () => {
    const first = page(NEWEST_FIRST);
    const second = page(NEWEST_FIRST, first.nextPageToken);
    const third = page(NEWEST_FIRST, second.nextPageToken);
    expect([first.items, second.items, third.items]).toEqual([['9', '8', '7'], ['6', '5', '4'], ['3']]);
    expect(third).not.toHaveProperty('nextPageToken');
    expect(first).not.toHaveProperty('prevPageToken');
    expect(page(NEWEST_FIRST, third.prevPageToken).items).toEqual(['6', '5', '4']);
    expect(page(NEWEST_FIRST, second.prevPageToken).items).toEqual(['9', '8', '7']);
  });

  test('give nothing twice and skip nothing when items come or go meanwhile', () => {
    const { nextPageToken } = page(NEWEST_FIRST);
    expect(page(['11', '10', ...NEWEST_FIRST], nextPageToken).items).toEqual(['6', '5', '4']);
    expect(page(['9', '8', '5', '4', '3'], nextPageToken).items).toEqual(['5', '4', '3']);
  });

  test('refuse a token that is none', () => {
    expect(() => page(NEWEST_FIRST, 'bm9uc2Vuc2U')).toThrow('Invalid page token');
    expect(() => pageArrays({ tasks: [] }, { page_token: 'bm9uc2Vuc2U' })).toThrow('Invalid page token');
  });

  test('of arrays end with the longest of them', () => {
    const tasks = Array.from({ length: 150 }, (_, index) => index);
    const { fields, more } = pageArrays({ tasks, job_clusters: [1], parameters: undefined }, {});
    expect(fields).toMatchObject({ tasks: tasks.slice(0, 100), job_clusters: [1] });
    const last = pageArrays({ tasks, job_clusters: [1] }, { page_token: more['next_page_token'] });
    expect(last).toEqual({ fields: { tasks: tasks.slice(100), job_clusters: undefined }, more: {} });
  });
});
