import { findJob, type ApiRequest, type Handler } from './api';
import { apiError } from './api-error';
import { countToken } from './counters';
import { admit, type EngineOptions } from './engine';
import { isActive, type Run, type TaskSpec } from './model';
import { notificationSettings } from './notifications';
import { parseTasks, selectTasks } from './task-specs';
import {
  readFlag,
  readInteger,
  readList,
  readObject,
  readText,
  readTexts,
  toText,
  toWireId,
  type WireObject,
} from './wire-json';

const OVERRIDES = [
  'notebook_params',
  'jar_params',
  'python_params',
  'python_named_params',
  'spark_submit_params',
  'sql_params',
  'dbt_commands',
  'pipeline_params',
];

/** POST runs/submit */
export const submitRun: Handler = (request, engine) => {
  const { params, version } = request;
  return startOnce(request, engine, () => {
    const name = readText(params, 'run_name') ?? 'Untitled';
    return {
      jobId: engine.workspace.newId(),
      name,
      type: 'SUBMIT_RUN',
      tasks: parseTasks(params, version, name),
      queueEnabled: queueFlag(params) ?? version === '2.2',
      timeoutMs: (readInteger(params, 'timeout_seconds') ?? 0) * 1000,
      echo: echoOf(params),
      notifications: notificationSettings(params),
    };
  });
};

/** POST run-now */
export const runNow: Handler = (request, engine) => {
  const answer = startOnce(request, engine, () => savedRun(request, engine));
  return { ...answer, number_in_job: answer['run_id'] };
};

type NewRun = Pick<
  Run,
  'jobId' | 'name' | 'type' | 'queueEnabled' | 'timeoutMs' | 'echo' | 'notifications'
> & {
  readonly tasks: readonly TaskSpec[];
};

function savedRun(request: ApiRequest, engine: EngineOptions): NewRun {
  const { params } = request;
  const { settings, jobId, createdBy } = findJob(request, engine);
  const name = readText(settings, 'name') ?? 'Untitled';
  return {
    jobId,
    name,
    type: 'JOB_RUN',
    tasks: selectTasks(parseTasks(settings, '2.2', name), readTexts(params, 'only')),
    queueEnabled: queueFlag(params) ?? queueFlag(settings) ?? createdBy === '2.2',
    timeoutMs: (readInteger(settings, 'timeout_seconds') ?? 0) * 1000,
    notifications: notificationSettings(settings),
    echo: { ...echoOf(settings), ...jobParameters(settings, params), ...overridingParameters(params) },
  };
}

/**
 * One run per idempotency token: a token already used gives the existing run, active or finished, whatever the body.
 * If that run was deleted: an error (its code is not documented by Databricks).
 */
function startOnce(request: ApiRequest, engine: EngineOptions, toRun: () => NewRun): WireObject {
  const { workspace } = engine;
  const token = readToken(request.params);
  const known = token === undefined ? undefined : workspace.tokens.get(token);
  if (known !== undefined && !workspace.runs.has(known)) {
    throw apiError('INVALID_PARAMETER_VALUE', `Run ${known} of this idempotency_token was deleted.`);
  }
  if (known !== undefined) return { run_id: toWireId(known) };
  const run = addRun(toRun(), engine);
  if (token !== undefined) {
    workspace.tokens.set(token, run.runId);
    countToken(workspace.counters, token, run.runId);
  }
  return { run_id: toWireId(run.runId) };
}

function addRun(fields: NewRun, engine: EngineOptions): Run {
  const { workspace, clock } = engine;
  assertRoom(fields, engine);
  const runId = workspace.newId();
  const run: Run = { ...fields, runId, createdAt: clock.now(), attempts: [], repairs: [], phase: 'QUEUED' };
  workspace.runs.set(runId, run);
  workspace.counters.runsCreated += 1;
  admit(run, engine);
  return run;
}

function assertRoom({ queueEnabled }: NewRun, { workspace, maxActiveRuns }: EngineOptions): void {
  if (queueEnabled || !Number.isFinite(maxActiveRuns)) return;
  if ([...workspace.runs.values()].filter(isActive).length < maxActiveRuns) return;
  throw apiError('REQUEST_LIMIT_EXCEEDED', `The workspace already has ${maxActiveRuns} active runs.`);
}

function readToken(params: WireObject): string | undefined {
  const token = readText(params, 'idempotency_token');
  if (token !== undefined && token.length > 64) {
    throw apiError('INVALID_PARAMETER_VALUE', 'idempotency_token must have at most 64 characters');
  }
  return token === '' ? undefined : token;
}

function queueFlag(params: WireObject): boolean | undefined {
  const queue = readObject(params, 'queue');
  return queue === undefined ? undefined : readFlag(queue, 'enabled');
}

function echoOf({ job_clusters, git_source, environments, description }: WireObject): WireObject {
  return { job_clusters, git_source, environments, description };
}

function jobParameters(settings: WireObject, params: WireObject): WireObject {
  const given = readObject(params, 'job_parameters') ?? {};
  const declared = (readList(settings, 'parameters') ?? []) as readonly WireObject[]; // checked when the job was saved
  const parameters = declared.map(({ name, default: usual }) => ({
    name,
    default: usual,
    value: given[toText(name)] ?? usual,
  }));
  return parameters.length === 0 ? {} : { job_parameters: parameters };
}

/** Empty overrides count as none (Airflow sends all of them, empty). */
function overridingParameters(params: WireObject): WireObject {
  const given = OVERRIDES.flatMap((field) =>
    isEmpty(params[field]) ? [] : [[field, params[field]] as const],
  );
  return given.length === 0 ? {} : { overriding_parameters: Object.fromEntries(given) };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || Object.keys(value).length === 0;
}
