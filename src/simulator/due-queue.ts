/** Before everything else: the next look takes it. */
export const AT_ONCE = Number.NEGATIVE_INFINITY;

export interface Due<T> {
  readonly item: T;
  readonly at: number;
  /** Of those due at the same time, the one set first comes first. */
  readonly order: number;
}

/** Items by the time at which they are to be looked at, earliest first. An item has one time, the one last set. */
export interface DueQueue<T> {
  readonly set: (item: T, at: number) => void;
  readonly remove: (item: T) => void;
  /** Takes out the earliest item if its time has come. */
  readonly take: (now: number) => Due<T> | undefined;
}

/**
 * A binary heap. A time that was replaced stays in it as a dead entry until it surfaces or the dead outnumber the
 * living, so that setting a time costs its logarithm and no search.
 */
export function createDueQueue<T>(): DueQueue<T> {
  const current = new Map<T, Due<T>>();
  let heap: Due<T>[] = [];
  let order = 0;
  const isLive = (due: Due<T>) => current.get(due.item) === due;
  const bury = () => {
    if (heap.length > 2 * current.size + 64) {
      heap = heap.filter(isLive).sort(compare);
    }
  };
  return {
    set: (item, at) => {
      order += 1;
      const due = { item, at, order };
      current.set(item, due);
      push(heap, due);
      bury();
    },
    remove: (item) => {
      current.delete(item);
    },
    take: (now) => {
      for (let first = heap[0]; first !== undefined && first.at <= now; first = heap[0]) {
        pop(heap);
        if (!isLive(first)) continue;
        current.delete(first.item);
        return first;
      }
      return undefined;
    },
  };
}

function push<T>(heap: Due<T>[], due: Due<T>): void {
  heap.push(due);
  let index = heap.length - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!isBefore(heap, index, parent)) return;
    swap(heap, index, parent);
    index = parent;
  }
}

function pop<T>(heap: Due<T>[]): void {
  swap(heap, 0, heap.length - 1);
  heap.pop();
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const child = isBefore(heap, left + 1, left) ? left + 1 : left;
    if (!isBefore(heap, child, index)) return;
    swap(heap, index, child);
    index = child;
  }
}

/** Whether one entry comes before another; what lies beyond the end comes after all. */
function isBefore<T>(heap: readonly Due<T>[], one: number, other: number): boolean {
  const [first, second] = [heap[one], heap[other]];
  if (first === undefined) return false;
  return second === undefined || compare(first, second) < 0;
}

function compare<T>(one: Due<T>, other: Due<T>): number {
  if (one.at === other.at) return one.order - other.order;
  return one.at < other.at ? -1 : 1;
}

function swap<T>(heap: Due<T>[], one: number, other: number): void {
  const [first, second] = [heap[one], heap[other]];
  if (first === undefined || second === undefined) return;
  heap[one] = second;
  heap[other] = first;
}
