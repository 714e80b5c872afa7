import type { Ending, TaskSpec } from './model';
import { endKind, type Verdict } from './run-if';

/** How a job run is shown whose task failed: Databricks' newer shape (seen by clients) or the older one. */
export type JobFailureShape = 'internal_error' | 'terminated';

export const SUCCEEDED: Ending = end('SUCCESS', 'SUCCESS', { type: 'SUCCESS' });
export const WORKLOAD_FAILED: Ending = end('FAILED', 'RUN_EXECUTION_ERROR', {
  message: 'Workload failed, see run output for details',
});
export const CANCELED: Ending = {
  ...end('CANCELED', 'USER_CANCELED', { type: 'SUCCESS', message: 'Run cancelled by user' }),
  userStopped: true,
};
export const DISABLED: Ending = end('DISABLED', 'DISABLED', { message: 'Task is disabled.' });
const EXCLUDED = end('EXCLUDED', 'SKIPPED', {
  type: 'SUCCESS',
  message: 'The run_if condition was not met.',
});
const UPSTREAM_FAILED = end('UPSTREAM_FAILED', 'SKIPPED', { message: 'An upstream task failed.' });
const UPSTREAM_CANCELED = end('UPSTREAM_CANCELED', 'SKIPPED', { message: 'An upstream task was canceled.' });

export function timedOut(timeoutMs: number): Ending {
  const message = `Run timed out after ${timeoutMs / 1000} seconds`;
  return { ...end('TIMEDOUT', 'CANCELED', { message }), userStopped: true };
}

export function fileNotFound(path: string): Ending {
  const message = `Cannot read the python file ${path}. Please check driver logs for more details.`;
  return { ...end('FAILED', 'RESOURCE_NOT_FOUND', { message }), lifeCycle: 'INTERNAL_ERROR' };
}

/** Seen without a result_state. */
export function notebookNotFound(path: string): Ending {
  const { result: _, ...rest } = end('FAILED', 'RESOURCE_NOT_FOUND', {
    message: `Notebook not found: ${path}`,
  });
  return { ...rest, lifeCycle: 'INTERNAL_ERROR' };
}

export function badDefinition(message: string): Ending {
  return { ...end('FAILED', 'INVALID_RUN_CONFIGURATION', { message }), lifeCycle: 'INTERNAL_ERROR' };
}

export function tooManyRuns(limit: number): Ending {
  return {
    ...end('MAXIMUM_CONCURRENT_RUNS_REACHED', 'MAX_CONCURRENT_RUNS_EXCEEDED', {
      message: `Skipping this run because the limit of ${limit} maximum concurrent runs has been reached.`,
    }),
    lifeCycle: 'SKIPPED',
  };
}

export function endingOfVerdict(verdict: Exclude<Verdict, 'run'>): Ending {
  switch (verdict) {
    case 'excluded':
      return EXCLUDED;
    case 'upstream_failed':
      return UPSTREAM_FAILED;
    case 'upstream_canceled':
      return UPSTREAM_CANCELED;
    default:
      return verdict satisfies never;
  }
}

/** The codes that go with a result when a script names only the result. */
export function endingOfResult(result: string): Ending {
  switch (result) {
    case 'SUCCESS':
      return SUCCEEDED;
    case 'FAILED':
      return WORKLOAD_FAILED;
    case 'CANCELED':
      return CANCELED;
    case 'TIMEDOUT':
      return { ...end('TIMEDOUT', 'CANCELED', { message: 'Run timed out' }), userStopped: true };
    case 'SUCCESS_WITH_FAILURES':
      return end('SUCCESS_WITH_FAILURES', 'SUCCESS_WITH_FAILURES', { type: 'SUCCESS' });
    default:
      return end(result, 'RUN_EXECUTION_ERROR', { message: `Run ended as ${result}` });
  }
}

/** The leaves decide: a failed leaf fails the run; fine leaves after a failure are SUCCESS_WITH_FAILURES. */
export function jobEnding(
  tasks: readonly TaskSpec[],
  ends: ReadonlyMap<string, Ending>,
  shape: JobFailureShape,
): Ending {
  const upstream = new Set(tasks.flatMap((task) => task.dependsOn.map(({ taskKey }) => taskKey)));
  const endsOf = (some: readonly TaskSpec[]) =>
    some.map(({ key }) => ({ key, ending: ends.get(key) ?? SUCCEEDED }));
  const leaves = endsOf(tasks.filter(({ key }) => !upstream.has(key)));
  const all = endsOf(tasks);
  if (leaves.some(({ ending }) => endKind(ending) === 'failed')) {
    const skipped = all.some(({ ending }) => ending.result === 'UPSTREAM_FAILED');
    const root = all.find(
      ({ ending }) => endKind(ending) === 'failed' && ending.result !== 'UPSTREAM_FAILED',
    );
    return failedJob(root ?? { key: '?', ending: WORKLOAD_FAILED }, { skipped, shape });
  }
  if (leaves.some(({ ending }) => endKind(ending) === 'canceled')) return CANCELED;
  const failures = all.some(({ ending }) => endKind(ending) === 'failed');
  return endingOfResult(failures ? 'SUCCESS_WITH_FAILURES' : 'SUCCESS');
}

function failedJob(
  root: { readonly key: string; readonly ending: Ending },
  { skipped, shape }: { readonly skipped: boolean; readonly shape: JobFailureShape },
): Ending {
  if (root.ending.result !== 'FAILED') return root.ending;
  const downstream = skipped ? ' This caused all downstream tasks to get skipped.' : '';
  return {
    ...root.ending,
    lifeCycle: shape === 'internal_error' ? 'INTERNAL_ERROR' : root.ending.lifeCycle,
    message: `Task ${root.key} failed with message: ${root.ending.message.replace(/\.$/, '')}.${downstream}`,
  };
}

function end(
  result: string,
  code: string,
  rest: { readonly type?: string; readonly message?: string },
): Ending {
  return {
    lifeCycle: 'TERMINATED',
    result,
    code,
    type: rest.type ?? 'CLIENT_ERROR',
    message: rest.message ?? '',
  };
}
