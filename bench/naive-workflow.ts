import { proxyActivities, sleep } from '@temporalio/workflow';

/** What most teams write first: a timer and a short activity per poll. Measured beside ours, never shipped. */
interface NaiveActivities {
  naiveCreate(input: { readonly custom: Record<string, unknown> }): Promise<string>;
  naiveGet(id: string): Promise<{ readonly phase: string; readonly terminal: boolean }>;
}

const { naiveCreate, naiveGet } = proxyActivities<NaiveActivities>({ startToCloseTimeout: '1 minute' });

export async function naiveTask(input: {
  readonly custom: Record<string, unknown>;
  readonly pollMs: number;
}): Promise<string> {
  const id = await naiveCreate({ custom: input.custom });
  for (;;) {
    const { phase, terminal } = await naiveGet(id);
    if (terminal) return phase;
    await sleep(input.pollMs);
  }
}
