import { findRun, type Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import { echoOfJob } from './job-runs';
import { isActive, latestAttempts, type Attempt, type Run, type TaskSpec } from './model';
import { assertOverrides } from './overrides';
import { jobParametersOf } from './references';
import { endKind } from './run-if';
import { downstreamOf, parseTasks } from './task-specs';
import {
  readFlag,
  readInteger,
  readObject,
  readText,
  readTexts,
  toWireId,
  type WireObject,
} from './wire-json';

/** POST runs/repair: new attempts of some tasks inside the same run, by the job's present definition */
export const repairRun: Handler = (request, engine) => {
  const { workspace, clock } = engine;
  const { params } = request;
  const run = findRun(request, engine);
  assertRepairable(run, params);
  assertOverrides(params);
  takeDefinition(run, params, engine);
  const keys = chooseTasks(run, params);
  const now = clock.now();
  const latest = latestAttempts(run);
  const attempts = [...keys].flatMap((key) => {
    const earlier = latest.get(key);
    return earlier === undefined ? [] : [repairOf(earlier, workspace.newId(), now)];
  });
  const id = workspace.newId();
  const { ending, endedAt } = run;
  const before = ending === undefined || endedAt === undefined ? {} : { before: { ending, endedAt } };
  run.repairs.push({ id, startedAt: now, taskRunIds: attempts.map(({ runId }) => runId), ...before });
  reopen(run, attempts);
  workspace.book.touch(run);
  return { repair_id: toWireId(id) };
};

function assertRepairable(run: Run, params: WireObject): void {
  if (isActive(run)) {
    throw apiError('INVALID_STATE', `Run ${run.runId} is in progress and cannot be repaired.`);
  }
  if (run.attempts.length === 0) throw apiError('INVALID_STATE', `Run ${run.runId} never started any task.`);
  const given = readText(params, 'latest_repair_id') ?? '';
  if (given === (run.repairs.at(-1)?.id ?? '')) return;
  const message = 'The latest repair ID needs to be provided in order to create a new repair';
  throw apiError('INVALID_PARAMETER_VALUE', message);
}

function chooseTasks(run: Run, params: WireObject): ReadonlySet<string> {
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
  const chosen = allFailed ? [...known.values()].filter(isUnsuccessful).map(({ taskKey }) => taskKey) : tasks;
  const withDependents = readFlag(params, 'rerun_dependent_tasks') ?? false;
  return withDependents ? downstreamOf(run.tasks, chosen) : new Set(chosen);
}

function isUnsuccessful({ ending }: Attempt): boolean {
  return ending !== undefined && ['failed', 'canceled'].includes(endKind(ending));
}

/** A run of a saved job is repaired as the job is defined now; attempts already made keep what they ran by. */
function takeDefinition(run: Run, params: WireObject, { workspace }: EngineOptions): void {
  const job = run.type === 'JOB_RUN' ? workspace.jobs.get(run.jobId) : undefined;
  const job_parameters = {
    ...Object.fromEntries(jobParametersOf(run)),
    ...readObject(params, 'job_parameters'),
  };
  const settings = job?.settings ?? { ...run.echo, parameters: run.echo['job_parameters'] };
  run.echo = { ...run.echo, ...echoOfJob({ settings }, { ...params, job_parameters }) };
  if (job === undefined) return;
  const present = new Map(parseTasks(job.settings, '2.2', run.name).map((task) => [task.key, task]));
  run.timeoutMs = (readInteger(job.settings, 'timeout_seconds') ?? 0) * 1000;
  pinDefinitions(run);
  run.tasks = run.tasks.map((task) => presentTask(task, { present, run }));
}

function pinDefinitions(run: Run): void {
  const tasks = new Map(run.tasks.map((task) => [task.key, task]));
  for (const attempt of run.attempts) {
    const task = attempt.task ?? tasks.get(attempt.taskKey);
    if (task !== undefined) attempt.task = task;
  }
}

interface PresentTasks {
  readonly present: ReadonlyMap<string, TaskSpec>;
  readonly run: Run;
}

/** Dependencies on tasks that are not in the run would never be met. */
function presentTask(task: TaskSpec, { present, run }: PresentTasks): TaskSpec {
  const now = present.get(task.key) ?? task;
  const isInRun = ({ taskKey }: { readonly taskKey: string }) => run.tasks.some(({ key }) => key === taskKey);
  return { ...now, dependsOn: now.dependsOn.filter(isInRun) };
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
