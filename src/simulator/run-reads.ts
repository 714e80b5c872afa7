import { findRun, missingRun, viewContext, type ApiRequest, type Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine';
import { isActive, type ApiVersion, type Attempt, type Run } from './model';
import { exportViews } from './notebook-export';
import { listField, pageAfter, pageOf, readPageToken, tokenField } from './paging';
import { assertCount } from './task-specs';
import { runFields, taskFields, taskRunFields, type ViewContext } from './views';
import { readFlag, readId, readInteger, readList, readText, toWireId, type WireObject } from './wire-json';

const TASKS_PER_PAGE = 100;
const MAX_OUTPUT_BYTES = 5 * 1024 * 1024;
const NOT_SUPPORTED =
  'Retrieving the output of runs with multiple tasks is not supported. ' +
  'Please retrieve the output of each individual task run instead.';

/** GET runs/get, of a job run or a task run */
export const getRun: Handler = (request, engine) => {
  const runId = readId(request.params, 'run_id');
  const context = viewContext(request, engine);
  const run = engine.workspace.runs.get(runId);
  if (run !== undefined) return runView(run, request, context);
  const found = engine.workspace.findAttempt(runId);
  if (found === undefined) throw missingRun(runId);
  return taskRunFields(found.run, found.attempt, context);
};

/** GET runs/list, newest first */
export const listRuns: Handler = (request, engine) => {
  const { params, version } = request;
  const context = viewContext(request, engine);
  const limit = readInteger(params, 'limit') ?? 20;
  if (limit < 0 || limit > 25) {
    throw apiError('INVALID_PARAMETER_VALUE', `limit must be within [0, 25], not ${limit}`);
  }
  const page = pageAfter(selectRuns(request, engine).slice(readInteger(params, 'offset') ?? 0), {
    cursor: readPageToken(params),
    size: limit === 0 ? 25 : limit,
    idOf: ({ runId }) => runId,
  });
  const expand = readFlag(params, 'expand_tasks') ?? false;
  const views = page.items.map((run) => ({
    ...runFields(run, context),
    ...(expand ? firstTasks(run, version, context) : {}),
  }));
  return { ...listField('runs', views), has_more: page.nextPageToken !== undefined, ...tokenField(page) };
};

/** GET runs/get-output, of a task run only; on 2.0 also of a job run with one task */
export const getRunOutput: Handler = (request, engine) => {
  const runId = readId(request.params, 'run_id');
  const found = engine.workspace.findAttempt(runId) ?? onlyAttempt(findOutputRun(runId, request, engine));
  const metadata = taskRunFields(found.run, found.attempt, viewContext(request, engine));
  return { metadata, ...outputFields(found.run, found.attempt, engine) };
};

/** GET runs/export, of a task run or of a job run with one task */
export const exportRun: Handler = (request, engine) => {
  const found = engine.workspace.findAttempt(readId(request.params, 'run_id'));
  const run = found?.run ?? findRun(request, engine);
  return { views: exportViews(run, found?.attempt ?? run.attempts.at(-1), engine) };
};

function runView(run: Run, { params, version }: ApiRequest, context: ViewContext): WireObject {
  const history =
    readFlag(params, 'include_history') === true ? { repair_history: repairHistory(run, context) } : {};
  const view = { ...runFields(run, context), ...history };
  const attempts = run.attempts.map((attempt) => taskFields(run, attempt, context));
  if (version !== '2.2') {
    assertCount(run.tasks.length, version);
    const single = attempts.length === 1 && version === '2.0' ? { task: attempts[0] } : {};
    return { ...view, ...single, ...listField('tasks', attempts) };
  }
  return { ...view, ...pagedArrays(view, attempts, Number(readPageToken(params) ?? 0)) };
}

/** 2.2 pages all arrays of a run together, 100 items of each at a time. */
function pagedArrays(view: WireObject, attempts: readonly WireObject[], start: number): WireObject {
  const tasks = pageOf(attempts, start, TASKS_PER_PAGE);
  const clusters = (readList(view, 'job_clusters') ?? []).slice(start, start + TASKS_PER_PAGE);
  const parameters = (readList(view, 'job_parameters') ?? []).slice(start, start + TASKS_PER_PAGE);
  return {
    job_clusters: clusters.length === 0 ? undefined : clusters,
    job_parameters: parameters.length === 0 ? undefined : parameters,
    ...listField('tasks', tasks.items),
    ...(tasks.nextPageToken === undefined ? {} : { has_more: true }),
    ...tokenField(tasks),
  };
}

function firstTasks(run: Run, version: ApiVersion, context: ViewContext): WireObject {
  const shown = version === '2.2' ? run.attempts.slice(0, TASKS_PER_PAGE) : run.attempts;
  const more = shown.length < run.attempts.length ? { has_more: true } : {};
  return {
    ...listField(
      'tasks',
      shown.map((attempt) => taskFields(run, attempt, context)),
    ),
    ...more,
  };
}

function selectRuns({ params }: ApiRequest, { workspace }: EngineOptions): Run[] {
  const activeOnly = readFlag(params, 'active_only') ?? false;
  const completedOnly = readFlag(params, 'completed_only') ?? false;
  if (activeOnly && completedOnly) {
    throw apiError('INVALID_PARAMETER_VALUE', 'active_only and completed_only cannot both be true');
  }
  const jobId = readText(params, 'job_id') ?? '';
  const type = readText(params, 'run_type') ?? '';
  const from = readInteger(params, 'start_time_from') ?? 0;
  const to = readInteger(params, 'start_time_to') ?? Number.POSITIVE_INFINITY;
  return [...workspace.runs.values()]
    .reverse()
    .filter((run) => (!activeOnly || isActive(run)) && (!completedOnly || !isActive(run)))
    .filter((run) => (jobId === '' || run.jobId === jobId) && (type === '' || run.type === type))
    .filter((run) => run.createdAt >= from && run.createdAt <= to);
}

interface HistoryRow {
  readonly fields: WireObject;
  readonly startedAt: number;
  readonly taskRunIds: readonly string[];
}

function repairHistory(run: Run, context: ViewContext): WireObject[] {
  const repaired = new Set(run.repairs.flatMap(({ taskRunIds }) => taskRunIds));
  const original = run.attempts.map(({ runId }) => runId).filter((runId) => !repaired.has(runId));
  const { state, status, end_time } = runFields(run, context);
  const first: HistoryRow = { fields: { type: 'ORIGINAL' }, startedAt: run.createdAt, taskRunIds: original };
  const rows = [
    first,
    ...run.repairs.map((repair) => ({ ...repair, fields: { type: 'REPAIR', id: toWireId(repair.id) } })),
  ];
  return rows.map(({ startedAt, taskRunIds, fields }) => ({
    ...fields,
    start_time: startedAt,
    end_time,
    state,
    status,
    task_run_ids: taskRunIds.map(toWireId),
  }));
}

function findOutputRun(runId: string, { version }: ApiRequest, { workspace }: EngineOptions): Run {
  const run = workspace.runs.get(runId);
  if (run === undefined) throw missingRun(runId);
  if (version !== '2.0' || run.tasks.length > 1) throw apiError('INVALID_PARAMETER_VALUE', NOT_SUPPORTED);
  return run;
}

function onlyAttempt(run: Run): { readonly run: Run; readonly attempt: Attempt } {
  const attempt = run.attempts.at(-1);
  if (attempt === undefined) throw apiError('INVALID_PARAMETER_VALUE', `Run ${run.runId} has no output`);
  return { run, attempt };
}

function outputFields(run: Run, attempt: Attempt, { python }: EngineOptions): WireObject {
  const { error, errorTrace, logs, notebookResult, notebookTruncated = false } = attempt.output ?? {};
  const fields = { error, error_trace: errorTrace };
  const body = run.tasks.find(({ key }) => key === attempt.taskKey)?.body ?? {};
  if (body['notebook_task'] !== undefined) {
    return { ...fields, notebook_output: { result: notebookResult, truncated: notebookTruncated } };
  }
  if (attempt.process === true) {
    const log = python.readLog(attempt.runId, MAX_OUTPUT_BYTES);
    return { ...fields, logs: log.text, logs_truncated: log.truncated };
  }
  return logs === undefined ? fields : { ...fields, logs, logs_truncated: false };
}
