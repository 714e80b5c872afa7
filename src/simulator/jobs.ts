import { findJob, type Handler } from './api';
import { apiError } from './api-error';
import type { ApiVersion, Job } from './model';
import { listField, pageAfter, pageOf, readPageToken, tokenField } from './paging';
import { requestCancel } from './run-changes';
import { assertCount, parseTasks } from './task-specs';
import { USER_NAME } from './views';
import {
  isWireObject,
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

const TASKS_PER_PAGE = 100;

/** POST create */
export const createJob: Handler = ({ params, version }, { workspace, clock }) => {
  const jobId = workspace.newId();
  const { access_control_list: _, ...settings } = checkedSettings(params, version);
  workspace.jobs.set(jobId, { jobId, createdAt: clock.now(), createdBy: version, settings });
  return { job_id: toWireId(jobId) };
};

/** GET get */
export const getJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  const tasks = readList(job.settings, 'tasks') ?? [];
  assertCount(tasks.length, request.version);
  if (request.version !== '2.2') return jobFields(job);
  const page = pageOf(tasks, Number(readPageToken(request.params) ?? 0), TASKS_PER_PAGE);
  const more = page.nextPageToken === undefined ? {} : { has_more: true };
  return { ...jobFields(job, listField('tasks', page.items)), ...more, ...tokenField(page) };
};

/** GET list, newest first */
export const listJobs: Handler = ({ params, version }, { workspace }) => {
  const limit = readInteger(params, 'limit') ?? 20;
  if (limit < 1 || limit > 100) {
    throw apiError('INVALID_PARAMETER_VALUE', `limit must be within [1, 100], not ${limit}`);
  }
  const name = readText(params, 'name')?.toLowerCase() ?? '';
  const found = [...workspace.jobs.values()]
    .reverse()
    .filter(({ settings }) => name === '' || readText(settings, 'name')?.toLowerCase() === name);
  const page = pageAfter(found.slice(readInteger(params, 'offset') ?? 0), {
    cursor: readPageToken(params),
    size: limit,
    idOf: ({ jobId }) => jobId,
  });
  const expand = readFlag(params, 'expand_tasks') ?? false;
  const jobs = page.items.map((job) => listedJob(job, expand, version));
  return { ...listField('jobs', jobs), has_more: page.nextPageToken !== undefined, ...tokenField(page) };
};

/** POST delete; active runs of the job are canceled */
export const deleteJob: Handler = (request, engine) => {
  const { jobId } = findJob(request, engine);
  engine.workspace.jobs.delete(jobId);
  for (const run of engine.workspace.runs.values()) {
    if (run.jobId === jobId) requestCancel(run, engine.clock.now());
  }
  return {};
};

/** POST reset: replaces all settings */
export const resetJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  job.settings = checkedSettings(readObject(request.params, 'new_settings') ?? {}, request.version);
  return {};
};

/** POST update: replaces top-level fields; tasks and job_clusters are merged by key */
export const updateJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  const changes = readObject(request.params, 'new_settings') ?? {};
  const merged = {
    ...job.settings,
    ...changes,
    ...mergedList('tasks', 'task_key', [job.settings, changes]),
    ...mergedList('job_clusters', 'job_cluster_key', [job.settings, changes]),
  };
  const removed = new Set(readTexts(request.params, 'fields_to_remove') ?? []);
  const kept = Object.entries(merged).filter(([field]) => !removed.has(field));
  job.settings = checkedSettings(withoutTasks(Object.fromEntries(kept), removed), request.version);
  return {};
};

function checkedSettings(settings: WireObject, version: ApiVersion): WireObject {
  parseTasks(settings, version, readText(settings, 'name') ?? 'Untitled');
  readInteger(settings, 'max_concurrent_runs');
  return settings;
}

function mergedList(field: string, key: string, sources: readonly WireObject[]): WireObject {
  const items = sources.flatMap((source) => readList(source, field) ?? []).filter(isWireObject);
  if (items.length === 0) return {};
  return { [field]: [...new Map(items.map((item) => [toText(item[key]), item])).values()] };
}

function withoutTasks(settings: WireObject, removed: ReadonlySet<string>): WireObject {
  const tasks = readList(settings, 'tasks')?.filter(isWireObject);
  if (tasks === undefined) return settings;
  return { ...settings, tasks: tasks.filter((task) => !removed.has(`tasks/${toText(task['task_key'])}`)) };
}

function jobFields({ jobId, createdAt, settings }: Job, arrays?: WireObject): WireObject {
  const shown = arrays === undefined ? settings : { ...settings, tasks: undefined, ...arrays };
  return {
    job_id: toWireId(jobId),
    creator_user_name: USER_NAME,
    run_as_user_name: USER_NAME,
    created_time: createdAt,
    settings: { name: 'Untitled', max_concurrent_runs: 1, format: 'MULTI_TASK', ...shown },
  };
}

function listedJob(job: Job, expand: boolean, version: ApiVersion): WireObject {
  const tasks = readList(job.settings, 'tasks') ?? [];
  if (!expand) return jobFields(job, {});
  if (version !== '2.2') return jobFields(job);
  const more = tasks.length > TASKS_PER_PAGE ? { has_more: true } : {};
  return { ...jobFields(job, listField('tasks', tasks.slice(0, TASKS_PER_PAGE))), ...more };
}
