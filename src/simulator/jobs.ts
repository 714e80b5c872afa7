import { findJob, type Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import { isActive, type ApiVersion, type Job } from './model';
import { firstOfArrays, listField, listPage, pageArrays, tokenFields } from './paging';
import { countCreation, assertRoomForJob } from './quotas';
import { readAccess } from './permissions';
import { cancel } from './run-changes';
import { checkedSettings, updatedSettings } from './job-settings';
import { assertCount } from './task-specs';
import { USER_NAME } from './views';
import {
  readFlag,
  readInteger,
  readList,
  readObject,
  readText,
  readTexts,
  toWireId,
  type WireObject,
} from './wire-json';

/** POST create */
export const createJob: Handler = ({ params, version }, engine) => {
  const { workspace, clock } = engine;
  const { access_control_list: _, ...settings } = checkedSettings(params, version);
  const access = readAccess(params);
  assertRoomForJob(engine);
  countCreation(engine);
  const jobId = workspace.newId();
  workspace.jobs.set(jobId, { jobId, createdAt: clock.now(), createdBy: version, settings, access });
  return { job_id: toWireId(jobId) };
};

/** GET get */
export const getJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  assertCount(readList(job.settings, 'tasks')?.length ?? 0, request.version);
  if (request.version !== '2.2') return jobFields(job);
  const { fields, more } = pageArrays(arraysOf(job), request.params);
  return { ...jobFields(job, fields), ...more };
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
  const idOf = ({ jobId }: Job) => jobId;
  const page = listPage(found.slice(readOffset(params, 1000)), { params, size: limit, idOf });
  const expand = readFlag(params, 'expand_tasks') ?? false;
  const jobs = page.items.map((job) => listedJob(job, expand, version));
  return { ...listField('jobs', jobs), has_more: page.nextPageToken !== undefined, ...tokenFields(page) };
};

/** The deprecated way to page. @throws ApiError beyond `max` */
export function readOffset(params: WireObject, max: number): number {
  const offset = readInteger(params, 'offset') ?? 0;
  if (offset >= 0 && offset <= max) return offset;
  throw apiError('INVALID_PARAMETER_VALUE', `offset must be within [0, ${max}], not ${offset}`);
}

/** POST delete; active runs of the job are canceled */
export const deleteJob: Handler = (request, engine) => {
  const { jobId } = findJob(request, engine);
  engine.workspace.jobs.delete(jobId);
  for (const run of engine.workspace.runs.values()) {
    if (run.jobId === jobId) cancel(run, engine);
  }
  return {};
};

/** POST reset: replaces all settings */
export const resetJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  const settings = readObject(request.params, 'new_settings');
  if (settings === undefined) throw apiError('INVALID_PARAMETER_VALUE', 'new_settings is required');
  changeSettings(job, checkedSettings(settings, request.version), engine);
  return {};
};

/** POST update: replaces top-level fields; tasks and job_clusters are merged by key */
export const updateJob: Handler = (request, engine) => {
  const job = findJob(request, engine);
  const changes = readObject(request.params, 'new_settings') ?? {};
  const removed = readTexts(request.params, 'fields_to_remove') ?? [];
  const settings = updatedSettings(job.settings, changes, removed);
  changeSettings(job, checkedSettings(settings, request.version), engine);
  return {};
};

/** The time-out is that of active runs too, and there may be more room for queued ones. */
function changeSettings(job: Job, settings: WireObject, { workspace }: EngineOptions): void {
  job.settings = settings;
  const timeoutMs = (readInteger(settings, 'timeout_seconds') ?? 0) * 1000;
  for (const run of workspace.runs.values()) {
    if (run.jobId !== job.jobId || !isActive(run)) continue;
    run.timeoutMs = timeoutMs;
    workspace.book.touch(run);
  }
}

function arraysOf({ settings }: Job): WireObject {
  const { tasks, job_clusters, parameters, environments } = settings;
  return { tasks, job_clusters, parameters, environments };
}

function jobFields({ jobId, createdAt, settings }: Job, arrays: WireObject = {}): WireObject {
  return {
    job_id: toWireId(jobId),
    creator_user_name: USER_NAME,
    run_as_user_name: USER_NAME,
    created_time: createdAt,
    settings: { name: 'Untitled', max_concurrent_runs: 1, format: 'MULTI_TASK', ...settings, ...arrays },
  };
}

function listedJob(job: Job, expand: boolean, version: ApiVersion): WireObject {
  if (!expand) return jobFields(job, { tasks: undefined, job_clusters: undefined });
  if (version !== '2.2') return jobFields(job);
  const { has_more, ...arrays } = firstOfArrays(arraysOf(job));
  return { ...jobFields(job, arrays), has_more };
}
