import type { ApiRequest, Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import type { Job } from './model';
import { USER_NAME } from './views';
import { isWireObject, readId, readList, readText, type WireObject } from './wire-json';

const LEVELS = ['CAN_VIEW', 'CAN_MANAGE_RUN', 'CAN_MANAGE', 'IS_OWNER'];
const PRINCIPALS = ['user_name', 'group_name', 'service_principal_name'];

/** GET permissions/jobs/{job_id} */
export const getPermissions: Handler = (request, engine) => permissionFields(findPermitted(request, engine));

/** PUT: replaces all direct permissions */
export const setPermissions: Handler = (request, engine) => {
  const job = findPermitted(request, engine);
  job.access = readAccess(request.params);
  return permissionFields(job);
};

/** PATCH: those of the principals named replace theirs */
export const updatePermissions: Handler = (request, engine) => {
  const job = findPermitted(request, engine);
  const all = [...(job.access ?? []), ...readAccess(request.params)];
  job.access = [...new Map(all.map((entry) => [principalOf(entry), entry])).values()];
  return permissionFields(job);
};

/** GET permissions/jobs/{job_id}/permissionLevels */
export const listPermissionLevels: Handler = (request, engine) => {
  findPermitted(request, engine);
  return { permission_levels: LEVELS.map((level) => ({ permission_level: level, description: level })) };
};

/** @throws ApiError INVALID_PARAMETER_VALUE for an entry without exactly one principal and a level */
export function readAccess(params: WireObject): readonly WireObject[] {
  return (readList(params, 'access_control_list') ?? []).map((entry) => {
    const given = isWireObject(entry)
      ? PRINCIPALS.filter((field) => readText(entry, field) !== undefined)
      : [];
    const level = isWireObject(entry) ? readText(entry, 'permission_level') : undefined;
    if (isWireObject(entry) && given.length === 1 && level !== undefined && LEVELS.includes(level)) {
      return entry;
    }
    throw apiError(
      'INVALID_PARAMETER_VALUE',
      'access_control_list: one principal and a permission_level each',
    );
  });
}

/** Here, unlike in the Jobs API, what is missing is a 404. */
function findPermitted({ params }: ApiRequest, { workspace }: EngineOptions): Job {
  const jobId = readId(params, 'job_id');
  const job = workspace.jobs.get(jobId);
  if (job === undefined) throw apiError('RESOURCE_DOES_NOT_EXIST', `Job ${jobId} does not exist.`);
  return job;
}

/** The creator owns the job unless an owner is named. */
function permissionFields({ jobId, access = [] }: Job): WireObject {
  const hasOwner = access.some((entry) => readText(entry, 'permission_level') === 'IS_OWNER');
  const owner = { user_name: USER_NAME, permission_level: 'IS_OWNER' };
  return {
    object_id: `/jobs/${jobId}`,
    object_type: 'job',
    access_control_list: [...(hasOwner ? [] : [owner]), ...access].map(entryFields),
  };
}

function entryFields({ permission_level, ...principal }: WireObject): WireObject {
  return { ...principal, all_permissions: [{ permission_level, inherited: false }] };
}

function principalOf(entry: WireObject): string {
  return PRINCIPALS.map((field) => `${field}=${readText(entry, field) ?? ''}`).join();
}
