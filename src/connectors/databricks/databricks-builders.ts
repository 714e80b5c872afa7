import type { JsonObject, TaskTemplate } from '../../connector';
import { compact } from './databricks-json';
import {
  toApi,
  type NamedParameters,
  type Parameters,
  type RunTask,
  type SecretOrText,
} from './databricks-task-builders';

/** A serverless environment that tasks name by its key. `extra` holds any other field of its spec. */
interface RunEnvironment {
  readonly key: string;
  readonly environmentVersion: string;
  readonly dependencies?: Parameters;
  readonly extra?: JsonObject;
}

/** Where tasks with `source: 'GIT'` come from: a branch, a tag or a commit. */
type GitSource = { readonly gitUrl: SecretOrText; readonly gitProvider: string } & (
  | { readonly gitBranch: string; readonly gitTag?: never; readonly gitCommit?: never }
  | { readonly gitTag: string; readonly gitBranch?: never; readonly gitCommit?: never }
  | { readonly gitCommit: string; readonly gitBranch?: never; readonly gitTag?: never }
);

/** What both ways to run say of the run as a whole. `extra` holds any other field, in the API's own words. */
interface RunOptions {
  /** For people, and of a submitted run also its name. */
  readonly name?: string;
  /** Name or host of a configured workspace; the default one when absent. */
  readonly workspace?: string;
  /** Whether the run waits for its turn where the workspace or the job is at its limit. */
  readonly queue?: { readonly enabled: boolean };
  /** Of serverless compute. */
  readonly performanceTarget?: 'STANDARD' | 'PERFORMANCE_OPTIMIZED';
  readonly extra?: JsonObject;
}

/** A run of its own, which belongs to no saved job. */
export interface SubmitRunOptions extends RunOptions {
  readonly tasks: readonly [RunTask, ...RunTask[]];
  readonly environments?: readonly RunEnvironment[];
  readonly gitSource?: GitSource;
  /** Of the whole run; 0, the default, is no limit. */
  readonly timeoutSeconds?: number;
}

/**
 * A one-time run (`runs/submit`) as a template that `TaskClient.start` takes. Pure: what is wrong beyond the types is
 * refused by `start`, before anything is sent.
 */
export function submitRun(options: SubmitRunOptions): TaskTemplate {
  const { name: runName, tasks, environments, gitSource, timeoutSeconds } = options;
  return templateOf(options, options.name, {
    ...toApi({ runName, tasks, timeoutSeconds }),
    ...(environments === undefined ? {} : { environments: environments.map(environmentOf) }),
    ...(gitSource === undefined ? {} : { git_source: toApi({ ...gitSource }) }),
  });
}

function environmentOf({ key, environmentVersion, dependencies, extra }: RunEnvironment): JsonObject {
  return { environment_key: key, spec: { ...toApi({ environmentVersion, dependencies }), ...extra } };
}

/** A saved job by its id, 64 bits and so text, or by its name, which must be unique to the letter. */
export type SavedJob =
  { readonly jobId: string; readonly jobName?: never } | { readonly jobName: string; readonly jobId?: never };

/** Parameters in the place of those that the job has: its own, or the older ones by task type. */
export interface RunJobOptions extends RunOptions {
  readonly jobParameters?: NamedParameters;
  /** Runs these tasks only; `key+` and `+key` take the neighbors after and before along. */
  readonly only?: readonly string[];
  readonly notebookParams?: NamedParameters;
  readonly jarParams?: Parameters;
  readonly pythonParams?: Parameters;
  readonly pythonNamedParams?: NamedParameters;
  readonly sparkSubmitParams?: Parameters;
  readonly sqlParams?: NamedParameters;
  readonly dbtCommands?: Parameters;
  readonly pipelineParams?: { readonly fullRefresh: boolean };
}

/**
 * A run of a saved job (`run-now`) as a template that `TaskClient.start` takes. A name is looked up once for each
 * attempt, before anything is sent. @see submitRun
 */
export function runJob(job: SavedJob, options: RunJobOptions = {}): TaskTemplate {
  const { jobParameters, only, notebookParams, jarParams, pythonParams, pythonNamedParams } = options;
  const { sparkSubmitParams, sqlParams, dbtCommands, pipelineParams } = options;
  const fullRefresh = pipelineParams?.fullRefresh;
  return templateOf(options, options.name ?? job.jobName, {
    ...toApi({ ...job }),
    ...toApi({ jobParameters, only, notebookParams, jarParams, pythonParams, pythonNamedParams }),
    ...toApi({ sparkSubmitParams, sqlParams, dbtCommands }),
    ...(fullRefresh === undefined ? {} : { pipeline_params: toApi({ fullRefresh }) }),
  });
}

function templateOf(options: RunOptions, name: string | undefined, body: JsonObject): TaskTemplate {
  const { workspace, queue, performanceTarget, extra } = options;
  const request = { ...body, ...toApi({ queue, performanceTarget }), ...extra };
  return {
    type: 'databricks',
    version: 0,
    custom: compact({ workspace, request }),
    ...(name === undefined ? {} : { name }),
  };
}
