import { DEFAULT_POLICY, type AttemptDecision, type Observation, type TaskPhase } from '../../src/connector';
import type { TaskInput, TaskState } from '../../workflows/task-input';
import { beginAttempt, observe, openState } from '../../workflows/task-state';

/** Times in these tests are milliseconds after the task began. */
export const INPUT: TaskInput = {
  template: { type: 'unit', version: 0, custom: { spot: true, tags: { a: 1 } } },
  policy: DEFAULT_POLICY,
  routing: { polls: 'unit', control: 'unit:control', fence: 'token', repair: true },
  searchAttributes: true,
};

export function submitted(input: TaskInput = INPUT, now = 0): TaskState {
  return beginAttempt(openState(input, 'run-id', now), now);
}

export function seen(state: TaskState, phase: TaskPhase, now: number): TaskState {
  return observe(state, { observation: waiting(phase), externalId: 'job-1', now });
}

export function waiting(phase: TaskPhase): Observation {
  return { meta: { jobId: 'job-1' }, resource: { phase }, next: { kind: 'poll' } };
}

export function failed(state: TaskState, decision: AttemptDecision, now: number): TaskState {
  return observe(state, { observation: failure(decision), externalId: 'job-1', now });
}

export function failure(decision: AttemptDecision): Observation {
  const verdict = { kind: 'failed', code: 'JOB_FAILED', cause: 'platform', decision } as const;
  return {
    meta: { jobId: 'job-1' },
    resource: { phase: 'FAILED', message: 'spot lost' },
    next: { kind: 'done', verdict },
  };
}
