import { AT_ONCE, createDueQueue } from '../../src/simulator/due-queue';

function takeAll(queue: ReturnType<typeof createDueQueue<string>>, now: number): string[] {
  const taken: string[] = [];
  for (let due = queue.take(now); due !== undefined; due = queue.take(now)) {
    taken.push(`${due.item}@${due.at}`);
  }
  return taken;
}

describe('the queue of what is due', () => {
  test('gives items in the order of their times, those due only', () => {
    const queue = createDueQueue<string>();
    for (const at of [50, 10, 40, 20, 30]) queue.set(`at-${at}`, at);
    queue.set('now', AT_ONCE);
    expect(takeAll(queue, 30)).toEqual(['now@-Infinity', 'at-10@10', 'at-20@20', 'at-30@30']);
    expect(takeAll(queue, 100)).toEqual(['at-40@40', 'at-50@50']);
  });

  test('gives items of the same time in the order in which they were set', () => {
    const queue = createDueQueue<string>();
    const items = Array.from({ length: 50 }, (_, index) => `i${index}`);
    for (const item of items) queue.set(item, AT_ONCE);
    expect(takeAll(queue, 0).map((text) => text.split('@')[0])).toEqual(items);
  });

  test('knows only the last time set for an item, and none once it is removed', () => {
    const queue = createDueQueue<string>();
    queue.set('moved', 5);
    queue.set('moved', 500);
    queue.set('removed', 6);
    queue.remove('removed');
    expect(takeAll(queue, 100)).toEqual([]);
    expect(takeAll(queue, 500)).toEqual(['moved@500']);
    expect(takeAll(queue, 1000)).toEqual([]);
  });

  test('stays right through thousands of changed times', () => {
    const queue = createDueQueue<string>();
    const times = new Map<string, number>();
    for (let step = 0; step < 5000; step += 1) {
      const item = `i${(step * 7919) % 97}`;
      const at = (step * 104_729) % 10_007;
      times.set(item, at);
      queue.set(item, at);
    }
    const expected = [...times.values()].sort((one, other) => one - other);
    expect(takeAll(queue, 10_007).map((text) => Number(text.split('@')[1]))).toEqual(expected);
  });
});
