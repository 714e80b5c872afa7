import dns from 'node:dns';

import type { TestWorkflowEnvironment } from '@temporalio/testing';

import { installQuietRuntime } from '../support/task-bench';
import { startTimeSkippingTaskServer } from '../support/time-skipping-server';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  expectOneRunEach,
  openWorkspaceBench,
  requests,
  strike,
  type WorkspaceBench,
  type WorkspaceBenchOptions,
} from './support/workspace-bench';

const OUTAGE_MS = 20 * 60_000;
const LIMIT_MS = 150_000;
const POLICY = { pollMin: '1s', pollMax: '10s' };
let environment: TestWorkflowEnvironment;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);
beforeEach(async () => {
  environment = await startTimeSkippingTaskServer();
});
afterEach(() => bench.close());

/** A task whose run goes on until the simulator's clock is put forward. */
async function openRun(
  options: WorkspaceBenchOptions = {},
): Promise<{ readonly end: Promise<unknown>; readonly id: string }> {
  const limits = { requestsPerSecond: 1_000, submitsPerSecond: 1_000 };
  bench = await openWorkspaceBench({
    environment,
    limits,
    ...options,
    simulator: { timing: { runMs: 3_600_000 } },
  });
  await bench.startWorkers();
  const id = await bench.begin({ policy: POLICY });
  // Time is skipped only while somebody waits for a result.
  const end = bench
    .handle(id)
    .result()
    .catch(() => undefined);
  await waitUntil('the first look', () => (requests(bench, 'get') > 0 ? true : undefined));
  return { end, id };
}

/** Lets so much of Temporal's time pass. */
async function pass(ms: number): Promise<void> {
  const until = (await environment.currentTimeMs()) + ms;
  const hasPassed = async (): Promise<true | undefined> =>
    (await environment.currentTimeMs()) >= until ? true : undefined;
  await waitUntil(`${ms} ms to pass`, hasPassed, LIMIT_MS);
}

async function expectSuccess({
  end,
  id,
}: {
  readonly end: Promise<unknown>;
  readonly id: string;
}): Promise<void> {
  bench.simulator.advanceClock(3_600_000);
  await end;
  const outcome = await bench.tasks.wait(id);
  expectOneRunEach(bench, [outcome]);
  expect(cancelsSeen(bench)).toBe(0);
  expect(outcome.status.unreachableSince).toBeUndefined();
}

test(
  '20 minutes of 5xx do not end a healthy run',
  async () => {
    const run = await openRun();
    for (const status of [500, 502, 503, 504]) {
      strike(bench, { operation: '*', kind: 'status', status, times: 10 });
    }
    strike(bench, { operation: '*', kind: 'status', status: 503, times: 0 });
    await pass(OUTAGE_MS);
    expect((await bench.tasks.get(run.id)).code).toBe('UNAVAILABLE');
    bench.simulator.clearFaults();
    await expectSuccess(run);
  },
  LIMIT_MS,
);

test(
  '100 single failures scattered over a run never add up',
  async () => {
    const run = await openRun();
    for (let failure = 0; failure < 100; failure += 1) {
      const before = requests(bench, 'get');
      // An answer that no retry within the call hides.
      strike(bench, { operation: 'get', kind: 'status', status: 400, code: 'ODD' });
      const hasRecovered = (): true | undefined => (requests(bench, 'get') >= before + 2 ? true : undefined);
      await waitUntil(`look ${failure} and the next`, hasRecovered, LIMIT_MS);
    }
    await expectSuccess(run);
  },
  LIMIT_MS,
);

test(
  'a name that no longer resolves for 20 minutes does not end a healthy run',
  async () => {
    const run = await openRun({ hostName: 'localhost' });
    const restore = loseNames();
    try {
      // Open connections need no name: they are closed, as by a network that is gone.
      await bench.simulator.setRefusing(true);
      await bench.simulator.setRefusing(false);
      await pass(OUTAGE_MS);
      const shown = await bench.tasks.get(run.id);
      expect(shown).toMatchObject({ state: 'OPEN', code: 'UNAVAILABLE' });
      expect(shown.message).toContain('ENOTFOUND');
    } finally {
      restore();
    }
    await expectSuccess(run);
  },
  LIMIT_MS,
);

/** `localhost` is no longer found in this process; Temporal is called by its address. */
function loseNames(): () => void {
  const { lookup } = dns;
  const lost = (host: string, ...rest: readonly unknown[]): void => {
    const callback = rest.at(-1) as (error: Error) => void;
    const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    process.nextTick(() => callback(error));
  };
  const choose = (host: string, ...rest: readonly unknown[]): void => {
    if (host === 'localhost') lost(host, ...rest);
    else Reflect.apply(lookup, dns, [host, ...rest]);
  };
  dns.lookup = choose as unknown as typeof dns.lookup;
  return () => {
    dns.lookup = lookup;
  };
}
