import { admit } from './admission';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import type { Job, Run, TaskSpec } from './model';
import { notificationSettings } from './notifications';
import { assertOverrides, isEmpty, OVERRIDES } from './overrides';
import type { Step } from './step';
import { parseTasks, selectTasks } from './task-specs';
import {
  readFlag,
  readId,
  readInteger,
  readList,
  readObject,
  readText,
  readTexts,
  toText,
  type WireObject,
} from './wire-json';
import type { Workspace } from './workspace';

/** What is to be said of a run before it exists. */
export type NewRun = Pick<
  Run,
  'jobId' | 'name' | 'type' | 'queueEnabled' | 'timeoutMs' | 'echo' | 'notifications' | 'parent'
> & {
  readonly tasks: readonly TaskSpec[];
};

export interface Beginning {
  readonly engine: EngineOptions;
  readonly now: number;
  /** The run-job task that begins it. */
  readonly step?: Pick<Step, 'run' | 'attempt'>;
}

/** Puts a run into the workspace, started or queued or skipped. */
export function addRun(fields: NewRun, { engine, now }: Beginning): Run {
  const { workspace } = engine;
  const runId = workspace.newId();
  const run: Run = { ...fields, runId, createdAt: now, attempts: [], repairs: [], phase: 'QUEUED' };
  workspace.addRun(run);
  workspace.counters.runsCreated += 1;
  admit(run, engine, now);
  return run;
}

/** Starts a run of a saved job, for run-now or a run-job task. @throws ApiError for a job that does not exist */
export function startJobRun(request: WireObject, beginning: Beginning): Run {
  return addRun(newJobRun(request, beginning), beginning);
}

export function newJobRun(request: WireObject, { engine, step }: Beginning): NewRun {
  const job = jobOf(request, engine.workspace);
  assertOverrides(request);
  const name = readText(job.settings, 'name') ?? 'Untitled';
  return {
    jobId: job.jobId,
    name,
    type: 'JOB_RUN',
    tasks: selectTasks(parseTasks(job.settings, '2.2', name), readTexts(request, 'only') ?? []),
    queueEnabled: queueFlag(request) ?? queueFlag(job.settings) ?? job.createdBy === '2.2',
    timeoutMs: (readInteger(job.settings, 'timeout_seconds') ?? 0) * 1000,
    echo: echoOfJob(job, request),
    notifications: notificationSettings(job.settings),
    ...(step === undefined ? {} : { parent: { runId: step.run.runId, taskRunId: step.attempt.runId } }),
  };
}

/** @throws ApiError 400 INVALID_PARAMETER_VALUE, as the SDKs expect it */
export function jobOf(request: WireObject, { jobs }: Workspace): Job {
  const jobId = readId(request, 'job_id');
  const job = jobs.get(jobId);
  if (job === undefined) throw apiError('INVALID_PARAMETER_VALUE', `Job ${jobId} does not exist`);
  return job;
}

export function queueFlag(params: WireObject): boolean | undefined {
  const queue = readObject(params, 'queue');
  return queue === undefined ? undefined : readFlag(queue, 'enabled');
}

/** What a run shows of the definition it was made from. */
export function echoOf(fields: WireObject): WireObject {
  const { job_clusters, git_source, environments, environment_variables, description } = fields;
  const { performance_target: effective_performance_target } = fields;
  return {
    job_clusters,
    git_source,
    environments,
    environment_variables,
    description,
    effective_performance_target,
  };
}

export function echoOfJob({ settings }: Pick<Job, 'settings'>, request: WireObject): WireObject {
  const { performance_target = settings['performance_target'] } = request;
  return {
    ...echoOf({ ...settings, performance_target }),
    ...jobParameters(settings, readObject(request, 'job_parameters') ?? {}),
    ...overridingParameters(request),
  };
}

/** Parameters that the job does not declare are passed on as well, without a default. */
function jobParameters(settings: WireObject, given: WireObject): WireObject {
  const declared = (readList(settings, 'parameters') ?? []) as readonly WireObject[]; // checked when the job was saved
  const names = new Set(declared.map(({ name }) => toText(name)));
  const parameters = [
    ...declared.map(({ name, default: usual }) => ({
      name,
      default: usual,
      value: given[toText(name)] ?? usual,
    })),
    ...Object.entries(given).flatMap(([name, value]) => (names.has(name) ? [] : [{ name, value }])),
  ];
  return parameters.length === 0 ? {} : { job_parameters: parameters };
}

/** Empty overrides count as none (Airflow sends all of them, empty). */
function overridingParameters(request: WireObject): WireObject {
  const given = OVERRIDES.flatMap((field) =>
    isEmpty(request[field]) ? [] : [[field, request[field]] as const],
  );
  return given.length === 0 ? {} : { overriding_parameters: Object.fromEntries(given) };
}
