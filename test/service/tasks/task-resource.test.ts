import type { TaskStatus } from '../../../src/client';
import { TASK_PHASES } from '../../../src/connector/phase';
import { toTaskResource } from '../../../src/service/tasks/task-resource';

const NOW = Date.UTC(2026, 10, 21, 12);
const LINKS = [{ name: 'Databricks Console', uri: 'https://w/#job/1/run/2' }];

const status = (more: Partial<TaskStatus> = {}): TaskStatus => ({
  id: 'flyte:default:x',
  runId: 'run',
  taskType: 'databricks v0',
  state: 'OPEN',
  phase: 'RUNNING',
  links: LINKS,
  attempt: 1,
  startedAt: NOW - 60_000,
  updatedAt: NOW - 1_000,
  historyLength: 10,
  ...more,
});
const resource = (more: Partial<TaskStatus>): ReturnType<typeof toTaskResource> =>
  toTaskResource({ status: status(more), now: NOW });

describe('how a task stands → what the engine is told', () => {
  test.each([
    ['COMPLETED', {}, 'SUCCEEDED'],
    ['FAILED', { cause: 'user' }, 'FAILED'],
    ['FAILED', { cause: 'unknown' }, 'FAILED'],
    ['FAILED', {}, 'FAILED'],
    ['FAILED', { cause: 'platform' }, 'RETRYABLE_FAILED'],
    ['FAILED', { cause: 'quota' }, 'RETRYABLE_FAILED'],
    ['CANCELED', { phase: 'ABORTED' }, 'FAILED'],
    ['TERMINATED', {}, 'FAILED'],
    ['TIMED_OUT', {}, 'FAILED'],
  ] as const)('%s with %j is %s', (state, more, phase) => {
    expect(resource({ state, ...more }).phase).toBe(phase);
  });

  test('an open task is never terminal and never UNDEFINED, whatever it was last seen in', () => {
    const shown = TASK_PHASES.map((phase) => resource({ phase }).phase);
    expect(new Set(shown)).toEqual(new Set(['QUEUED', 'INITIALIZING', 'WAITING_FOR_RESOURCES', 'RUNNING']));
  });
});

test('RUNNING is shown only with the links of the job, or after a minute without any', () => {
  expect(resource({}).phase).toBe('RUNNING');
  expect(resource({ links: [] }).phase).toBe('INITIALIZING');
  expect(resource({ links: [], updatedAt: NOW - 61_000 }).phase).toBe('RUNNING');
});

test('a task that no worker takes waits for resources, in words', () => {
  const waitingFor = { taskQueue: 'databricks:control', kind: 'activity' } as const;
  expect(resource({ phase: 'QUEUED', links: [], waitingFor })).toMatchObject({
    phase: 'WAITING_FOR_RESOURCES',
    message: 'no worker has taken it from the task queue databricks:control yet',
  });
  const meta = { runId: '2' };
  expect(resource({ meta, waitingFor }).phase).toBe('RUNNING');
});

test('a failure begins with its code; a cancel says who and why', () => {
  expect(resource({ state: 'FAILED', code: 'JOB_FAILED', message: 'exit 1' }).message).toBe(
    'JOB_FAILED: exit 1',
  );
  const message = 'canceled by ann: too dear; the job ended ABORTED';
  expect(resource({ state: 'CANCELED', code: 'CANCELED', message }).message).toBe(message);
});

test('outputs are sent for a success that has some, and for nothing else', () => {
  const outputs = { o0: 1 };
  const result = { phase: 'SUCCEEDED', outputs, customInfo: { run_duration: 5 } } as const;
  const closed = toTaskResource({ status: status({ state: 'COMPLETED' }), result, now: NOW });
  expect(closed).toMatchObject({ outputs, customInfo: { run_duration: 5, attempt: 1 } });
  expect(toTaskResource({ status: status({ state: 'FAILED' }), result, now: NOW })).not.toHaveProperty(
    'outputs',
  );
  expect(toTaskResource({ status: status({ state: 'COMPLETED' }), now: NOW })).not.toHaveProperty('outputs');
});

test('the links are the job’s and the task’s page', () => {
  const { links } = toTaskResource({ status: status(), taskUrl: 'https://ui/x', now: NOW });
  expect(links).toEqual([...LINKS, { name: 'Longhaul task (Temporal)', uri: 'https://ui/x' }]);
});
