import { findRun, type Handler } from './api';
import { apiError } from './api-error';
import { isActive, latestAttempts, type Attempt, type Run } from './model';
import { endKind } from './run-if';
import { readFlag, readText, readTexts, toWireId, type WireObject } from './wire-json';

/** POST runs/repair: new attempts of some tasks inside the same run */
export const repairRun: Handler = (request, engine) => {
  const { workspace, clock } = engine;
  const { params } = request;
  const run = findRun(request, engine);
  assertRepairable(run, params);
  const keys = withDependents(
    run,
    chooseTasks(run, params),
    readFlag(params, 'rerun_dependent_tasks') ?? false,
  );
  const now = clock.now();
  const latest = latestAttempts(run);
  const attempts = [...keys].flatMap((key) => {
    const earlier = latest.get(key);
    return earlier === undefined ? [] : [repairOf(earlier, workspace.newId(), now)];
  });
  const id = workspace.newId();
  run.repairs.push({ id, startedAt: now, taskRunIds: attempts.map(({ runId }) => runId) });
  reopen(run, attempts);
  return { repair_id: toWireId(id) };
};

function assertRepairable(run: Run, params: WireObject): void {
  if (isActive(run)) {
    throw apiError('INVALID_STATE', `Run ${run.runId} is in progress and cannot be repaired.`);
  }
  if (run.attempts.length === 0) throw apiError('INVALID_STATE', `Run ${run.runId} never started any task.`);
  const last = run.repairs.at(-1)?.id;
  if (last !== undefined && readText(params, 'latest_repair_id') !== last) {
    const message = 'The latest repair ID needs to be provided in order to create a new repair';
    throw apiError('INVALID_PARAMETER_VALUE', message);
  }
}

function chooseTasks(run: Run, params: WireObject): string[] {
  const tasks = readTexts(params, 'rerun_tasks') ?? [];
  const allFailed = readFlag(params, 'rerun_all_failed_tasks') ?? false;
  if (tasks.length > 0 === allFailed) {
    throw apiError(
      'INVALID_PARAMETER_VALUE',
      'Exactly one of rerun_tasks and rerun_all_failed_tasks is required',
    );
  }
  const known = latestAttempts(run);
  if (new Set(tasks).size < tasks.length || tasks.some((key) => !known.has(key))) {
    throw apiError('INVALID_PARAMETER_VALUE', 'rerun_tasks must name tasks of the run, each once');
  }
  return allFailed ? [...known.values()].filter(isUnsuccessful).map(({ taskKey }) => taskKey) : tasks;
}

function isUnsuccessful({ ending }: Attempt): boolean {
  return ending !== undefined && ['failed', 'canceled'].includes(endKind(ending));
}

function withDependents(run: Run, keys: readonly string[], wanted: boolean): ReadonlySet<string> {
  const chosen = new Set(keys);
  if (!wanted) return chosen;
  for (let size = -1; size !== chosen.size;) {
    size = chosen.size;
    const next = run.tasks.filter(({ dependsOn }) => dependsOn.some(({ taskKey }) => chosen.has(taskKey)));
    for (const { key } of next) chosen.add(key);
  }
  return chosen;
}

function repairOf({ taskKey, number, firstRunId }: Attempt, runId: string, createdAt: number): Attempt {
  return { runId, taskKey, number: number + 1, firstRunId, createdAt, phase: 'BLOCKED' };
}

function reopen(run: Run, attempts: readonly Attempt[]): void {
  run.attempts.push(...attempts);
  run.phase = 'PENDING';
  delete run.ending;
  delete run.endedAt;
  delete run.terminatingAt;
  delete run.stopping;
  delete run.cancelRequestedAt;
}
