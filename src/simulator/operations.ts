import { createJob, deleteJob, getJob, listJobs, resetJob, updateJob } from './jobs';
import type { Handler } from './api';
import type { ApiVersion } from './model';
import { repairRun } from './repair';
import { cancelAllRuns, cancelRun, deleteRun } from './run-changes';
import { exportRun } from './run-export';
import { getRunOutput } from './run-outputs';
import { getRun, listRuns } from './run-reads';
import { getPermissions, listPermissionLevels, setPermissions, updatePermissions } from './permissions';
import { runNow, submitRun } from './run-starts';
import { USER_NAME } from './views';
import type { WireObject } from './wire-json';

/** An operation by the name faults and counters know it by. */
export interface Operation {
  readonly name: string;
  readonly version: ApiVersion;
  readonly handle: Handler;
  /** Parameters that are part of the path. */
  readonly pathParams: WireObject;
  /** Its effect must be on disk before it is answered. */
  readonly changes: boolean;
}

const JOBS_API: Readonly<Record<string, readonly [string, Handler]>> = {
  'POST create': ['jobs-create', createJob],
  'GET get': ['jobs-get', getJob],
  'GET list': ['jobs-list', listJobs],
  'POST delete': ['jobs-delete', deleteJob],
  'POST reset': ['jobs-reset', resetJob],
  'POST update': ['jobs-update', updateJob],
  'POST run-now': ['run-now', runNow],
  'POST runs/submit': ['submit', submitRun],
  'GET runs/get': ['get', getRun],
  'GET runs/get-output': ['get-output', getRunOutput],
  'GET runs/list': ['list', listRuns],
  'POST runs/cancel': ['cancel', cancelRun],
  'POST runs/cancel-all': ['cancel-all', cancelAllRuns],
  'POST runs/delete': ['delete', deleteRun],
  'POST runs/repair': ['repair', repairRun],
  'GET runs/export': ['export', exportRun],
};

const sparkVersions: Handler = () => ({ versions: [{ key: '16.4.x-scala2.12', name: '16.4 LTS' }] });

/** What clients ask when they test a connection. */
const OTHERS: Readonly<Record<string, readonly [string, Handler]>> = {
  'GET /api/2.0/preview/scim/v2/Me': ['me', () => ({ id: '1', userName: USER_NAME, active: true })],
  'GET /api/2.0/clusters/spark-versions': ['spark-versions', sparkVersions],
  'GET /api/2.1/clusters/spark-versions': ['spark-versions', sparkVersions],
};

/** On `/api/2.0/permissions/jobs/{job_id}` and below. */
const PERMISSIONS: Readonly<Record<string, readonly [string, Handler]>> = {
  'GET ': ['permissions', getPermissions],
  'PUT ': ['permissions', setPermissions],
  'PATCH ': ['permissions', updatePermissions],
  'GET /permissionLevels': ['permissions', listPermissionLevels],
};

export function findOperation(method: string, path: string): Operation | undefined {
  const [, version, call] = /^\/api\/(2\.[012])\/jobs\/(.+?)\/?$/.exec(path) ?? [];
  const [, jobId, rest] = /^\/api\/2\.0\/permissions\/jobs\/(\d+)(\/\w+)?$/.exec(path) ?? [];
  const row =
    JOBS_API[`${method} ${call ?? ''}`] ??
    (jobId === undefined ? OTHERS[`${method} ${path}`] : PERMISSIONS[`${method} ${rest ?? ''}`]);
  if (row === undefined) return undefined;
  return {
    name: row[0],
    version: (version ?? '2.2') as ApiVersion, // the pattern lets no other through
    handle: row[1],
    changes: method !== 'GET',
    pathParams: jobId === undefined ? {} : { job_id: jobId },
  };
}
