import { missingRun, viewContext, type ApiRequest, type Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import { readOffset } from './jobs';
import { isActive, type Attempt, type Run } from './model';
import { firstOfArrays, listField, listPage, pageArrays, tokenFields } from './paging';
import { repairHistory } from './repair-history';
import { assertCount } from './task-specs';
import { runFields, taskFields, taskRunFields, type ViewContext } from './views';
import { readFlag, readId, readInteger, readText, type WireObject } from './wire-json';

/** GET runs/get, of a job run or a task run */
export const getRun: Handler = (request, engine) => {
  const runId = readId(request.params, 'run_id');
  const resolveValues = readFlag(request.params, 'include_resolved_values') ?? false;
  const context = { ...viewContext(request, engine), resolveValues };
  const run = engine.workspace.runs.get(runId);
  if (run !== undefined) return runView(run, request, context);
  const found = engine.workspace.findAttempt(runId);
  if (found === undefined) throw missingRun(runId);
  return taskRunView(found.run, found.attempt, { request, context });
};

/** GET runs/list, newest first */
export const listRuns: Handler = (request, engine) => {
  const { params, version } = request;
  const context = viewContext(request, engine);
  const limit = readInteger(params, 'limit') ?? 20;
  if (limit < 0 || limit > 25) {
    throw apiError('INVALID_PARAMETER_VALUE', `limit must be within [0, 25], not ${limit}`);
  }
  const page = listPage(selectRuns(request, engine).slice(readOffset(params, 10_000)), {
    params,
    size: limit === 0 ? 25 : limit,
    idOf: ({ runId }) => runId,
  });
  const expand = readFlag(params, 'expand_tasks') ?? false;
  const views = page.items.map((run) => listedRun(run, { expand, version, context }));
  return { ...listField('runs', views), has_more: page.nextPageToken !== undefined, ...tokenFields(page) };
};

function runView(run: Run, { params, version }: ApiRequest, context: ViewContext): WireObject {
  const view = runFields(run, context);
  const arrays = { ...arraysOf(run, view, context), ...historyField(run, params, context) };
  if (version === '2.2') {
    const { fields, more } = pageArrays(arrays, params);
    return { ...view, ...fields, ...more };
  }
  assertCount(run.tasks.length, version);
  const tasks = arrays.tasks;
  const single = tasks.length === 1 && version === '2.0' ? { task: tasks[0] } : {};
  return { ...view, ...arrays, ...single, tasks: tasks.length === 0 ? undefined : tasks };
}

function arraysOf(run: Run, view: WireObject, context: ViewContext) {
  const { job_clusters, job_parameters, environments } = view;
  const tasks = run.attempts.map((attempt) => taskFields(run, attempt, context));
  return { tasks, job_clusters, job_parameters, environments };
}

function historyField(run: Run, params: WireObject, context: ViewContext): WireObject {
  return readFlag(params, 'include_history') === true ? { repair_history: repairHistory(run, context) } : {};
}

interface TaskRunReading {
  readonly request: ApiRequest;
  readonly context: ViewContext;
}

/** Of a for-each task: its iterations page by page, and beside them only the task itself. */
function taskRunView(run: Run, attempt: Attempt, { request, context }: TaskRunReading): WireObject {
  const view = taskRunFields(run, attempt, context);
  if (attempt.iterations === undefined || request.version !== '2.2') return view;
  const iterations = attempt.iterations.map((iteration) => taskFields(run, iteration, context));
  const { fields, more } = pageArrays({ iterations }, request.params);
  return { ...view, tasks: [taskFields(run, attempt, context)], ...fields, ...more };
}

interface ListReading extends Pick<ApiRequest, 'version'> {
  readonly expand: boolean;
  readonly context: ViewContext;
}

function listedRun(run: Run, { expand, version, context }: ListReading): WireObject {
  const view = runFields(run, context);
  if (!expand) return { ...view, job_clusters: undefined };
  const arrays = arraysOf(run, view, context);
  return version === '2.2' ? { ...view, ...firstOfArrays(arrays) } : { ...view, ...arrays };
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
