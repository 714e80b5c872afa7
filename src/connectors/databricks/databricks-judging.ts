import type { CallContext } from '../../connector';
import type { RecordedRun } from './databricks-api';
import { usesSpot } from './databricks-compute';
import { readFailurePolicy } from './databricks-failure-policy';
import { objectsAt, textAt } from './databricks-json';
import { latestAttempts, type TaskRun } from './databricks-tasks';
import type { Judging, RunFacts } from './databricks-verdict';

/** What a failure of this run is judged by: the run's own shape, and what came with the call. */
export function judgingOf(
  run: RecordedRun,
  tasks: readonly TaskRun[],
  call: Pick<CallContext, 'failurePolicy' | 'quotaWaits'>,
): Judging {
  return {
    policy: readFailurePolicy(call.failurePolicy),
    quotaWaits: call.quotaWaits ?? 0,
    run: factsOf(run, tasks),
  };
}

function factsOf({ raw, tasks, repairs }: RecordedRun, attempts: readonly TaskRun[]): RunFacts {
  const latest = latestAttempts(attempts);
  const runType = textAt(raw, 'run_type') ?? 'SUBMIT_RUN';
  return {
    tasks: latest.length,
    succeededTasks: latest.filter(({ state }) => state.result === 'SUCCESS').length,
    isOfJob: runType !== 'SUBMIT_RUN',
    usesSpot: usesSpot({ tasks, job_clusters: objectsAt(raw, 'job_clusters') }),
    wasRepaired: repairs.some((entry) => textAt(entry, 'type') === 'REPAIR'),
  };
}
