import type { FaultSpec } from '../../src/simulator';
import { installQuietRuntime } from '../support/task-bench';
import {
  countPosts,
  expectOneRunEach,
  openWorkspaceBench,
  REPEAT,
  strike,
  type WorkspaceBench,
} from './support/workspace-bench';

let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 10 }, requestTimeoutMs: 2_000 });
  await bench.startWorkers();
});

afterEach(() => bench.close());

const LOST: readonly (readonly [string, FaultSpec])[] = [
  ['a 503 after the commit', { operation: 'submit', kind: 'commit-then-status', status: 503 }],
  ['a reset after the commit', { operation: 'submit', kind: 'commit-then-reset' }],
  ['no answer at all after the commit', { operation: 'submit', kind: 'hang', commitAfterMs: 0 }],
  ['no answer and a commit only later', { operation: 'submit', kind: 'hang', commitAfterMs: 3_500 }],
  ['a reset before the commit', { operation: 'submit', kind: 'reset' }],
];

test.each(LOST)(
  '%s never starts a second run',
  async (_what, fault) => {
    strike(bench, { ...fault, times: REPEAT });
    const outcomes = await bench.waitAll(await bench.beginMany(REPEAT));
    expectOneRunEach(bench, outcomes);
    const posts = countPosts(bench, outcomes);
    expect(posts.receipts).toBe(posts.workspace);
    expect(posts.workspace).toBe(2 * REPEAT);
  },
  170_000,
);
