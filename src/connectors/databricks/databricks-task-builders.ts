import type { JsonObject, JsonValue } from '../../connector';
import { compact } from './databricks-json';

/** Text, or a reference to a secret that only the worker resolves: `{ $secret: 'env:NAME' }`. */
export type SecretOrText = string | Readonly<Record<'$secret', string>>;
export type Parameters = readonly SecretOrText[];
export type NamedParameters = Readonly<Record<string, SecretOrText>>;

/** A cluster made for the run. `extra` holds any other field, in the API's own words. */
export interface NewCluster {
  readonly sparkVersion: SecretOrText;
  readonly nodeTypeId?: SecretOrText;
  readonly driverNodeTypeId?: SecretOrText;
  readonly numWorkers?: number;
  readonly autoscale?: { readonly minWorkers: number; readonly maxWorkers: number };
  readonly sparkConf?: NamedParameters;
  readonly sparkEnvVars?: NamedParameters;
  readonly customTags?: NamedParameters;
  readonly instancePoolId?: SecretOrText;
  readonly policyId?: SecretOrText;
  readonly dataSecurityMode?: string;
  readonly extra?: JsonObject;
}

/** Where a task runs: exactly one of the three. An environment key stands for serverless compute. */
export type Compute =
  | { readonly newCluster: NewCluster; readonly existingClusterId?: never; readonly environmentKey?: never }
  | { readonly existingClusterId: SecretOrText; readonly newCluster?: never; readonly environmentKey?: never }
  | { readonly environmentKey: string; readonly newCluster?: never; readonly existingClusterId?: never };

/** A dependency by its key, or one that also asks for the outcome of a condition. */
type Dependency = string | { readonly taskKey: string; readonly outcome?: 'true' | 'false' };

/** What every task may say. `extra` holds any other field of the task, in the API's own words. */
export interface TaskOptions {
  readonly key: string;
  readonly description?: string;
  readonly dependsOn?: readonly Dependency[];
  /** Default ALL_SUCCESS. */
  readonly runIf?: string;
  /** Retries by Databricks, inside of one run; -1 is for ever. Default none. */
  readonly maxRetries?: number;
  readonly minRetryIntervalMillis?: number;
  readonly retryOnTimeout?: boolean;
  /** 0, the default, is no limit. */
  readonly timeoutSeconds?: number;
  readonly libraries?: readonly JsonObject[];
  readonly extra?: JsonObject;
}

/** A task in the API's own words. */
export interface RunTask extends JsonObject {
  readonly task_key: string;
}

interface NotebookTaskOptions extends TaskOptions {
  /** `serverless` for Databricks' own default environment. */
  readonly compute: Compute | 'serverless';
  readonly notebookPath: SecretOrText;
  readonly baseParameters?: NamedParameters;
  readonly source?: 'WORKSPACE' | 'GIT';
  readonly warehouseId?: SecretOrText;
}

/** A `notebook_task`, on a cluster, on serverless compute, or on a SQL warehouse. */
export function notebookTask(options: NotebookTaskOptions): RunTask {
  const { notebookPath, baseParameters, source, warehouseId } = options;
  return taskOf(options, { notebook_task: toApi({ notebookPath, baseParameters, source, warehouseId }) });
}

interface PythonTaskOptions extends TaskOptions {
  readonly compute: Compute;
  readonly pythonFile: SecretOrText;
  readonly parameters?: Parameters;
  readonly source?: 'WORKSPACE' | 'GIT';
}

/** A `spark_python_task`: one Python file. */
export function pythonTask(options: PythonTaskOptions): RunTask {
  const { pythonFile, parameters, source } = options;
  return taskOf(options, { spark_python_task: toApi({ pythonFile, parameters, source }) });
}

type WheelTaskOptions = TaskOptions & {
  readonly compute: Compute;
  readonly packageName: SecretOrText;
  readonly entryPoint: SecretOrText;
} & (
    | { readonly parameters?: Parameters; readonly namedParameters?: never }
    | { readonly namedParameters: NamedParameters; readonly parameters?: never }
  );

/** A `python_wheel_task`. Parameters come by position or by name, not both. */
export function wheelTask(options: WheelTaskOptions): RunTask {
  const { packageName, entryPoint, parameters, namedParameters } = options;
  return taskOf(options, {
    python_wheel_task: toApi({ packageName, entryPoint, parameters, namedParameters }),
  });
}

interface JarTaskOptions extends TaskOptions {
  readonly compute: Compute;
  readonly mainClassName: SecretOrText;
  readonly parameters?: Parameters;
}

/** A `spark_jar_task`; the jar itself is one of `libraries`. */
export function jarTask(options: JarTaskOptions): RunTask {
  const { mainClassName, parameters } = options;
  return taskOf(options, { spark_jar_task: toApi({ mainClassName, parameters }) });
}

/** What a SQL task runs. */
export type SqlObject =
  | { readonly kind: 'query' | 'dashboard' | 'alert'; readonly id: SecretOrText }
  | { readonly kind: 'file'; readonly path: SecretOrText; readonly source?: 'WORKSPACE' | 'GIT' };

interface SqlTaskOptions extends TaskOptions {
  readonly warehouseId: SecretOrText;
  readonly run: SqlObject;
  readonly parameters?: NamedParameters;
}

/** A `sql_task`: a query, dashboard, alert or file on a SQL warehouse. */
export function sqlTask(options: SqlTaskOptions): RunTask {
  const { warehouseId, run, parameters } = options;
  return taskOf(options, { sql_task: { ...toApi({ warehouseId, parameters }), ...sqlObjectOf(run) } });
}

function sqlObjectOf(run: SqlObject): JsonObject {
  if (run.kind === 'file') return { file: toApi({ path: run.path, source: run.source }) };
  return { [run.kind]: { [`${run.kind}_id`]: run.id } };
}

interface DbtTaskOptions extends TaskOptions {
  readonly compute: Compute;
  /** At most ten, each beginning with `dbt`. */
  readonly commands: readonly SecretOrText[];
  readonly projectDirectory?: SecretOrText;
  readonly profilesDirectory?: SecretOrText;
  readonly warehouseId?: SecretOrText;
  readonly catalog?: SecretOrText;
  readonly schema?: SecretOrText;
  readonly source?: 'WORKSPACE' | 'GIT';
}

/** A `dbt_task`. */
export function dbtTask(options: DbtTaskOptions): RunTask {
  const { commands, projectDirectory, profilesDirectory, warehouseId, catalog, schema, source } = options;
  const fields = { commands, projectDirectory, profilesDirectory, warehouseId, catalog, schema, source };
  return taskOf(options, { dbt_task: toApi(fields) });
}

interface PipelineTaskOptions extends TaskOptions {
  readonly pipelineId: SecretOrText;
  readonly fullRefresh?: boolean;
}

/** A `pipeline_task`: one update of a pipeline. */
export function pipelineTask(options: PipelineTaskOptions): RunTask {
  const { pipelineId, fullRefresh } = options;
  return taskOf(options, { pipeline_task: toApi({ pipelineId, fullRefresh }) });
}

interface RunJobTaskOptions extends TaskOptions {
  /** 64 bits, so text. */
  readonly jobId: string;
  readonly jobParameters?: NamedParameters;
}

/** Runs a saved job as a task of this run. */
export function runJobTask(options: RunJobTaskOptions): RunTask {
  const { jobId, jobParameters } = options;
  return taskOf(options, { run_job_task: toApi({ jobId, jobParameters }) });
}

type ConditionOperator =
  'EQUAL_TO' | 'NOT_EQUAL' | 'GREATER_THAN' | 'GREATER_THAN_OR_EQUAL' | 'LESS_THAN' | 'LESS_THAN_OR_EQUAL';

interface ConditionTaskOptions extends TaskOptions {
  /** EQUAL_TO and NOT_EQUAL compare texts, so `12.0` is not `12`; the others compare numbers. */
  readonly op: ConditionOperator;
  readonly left: SecretOrText;
  readonly right: SecretOrText;
}

/** Those that depend on it say which `outcome` they wait for. It needs no compute. */
export function conditionTask(options: ConditionTaskOptions): RunTask {
  const { op, left, right } = options;
  return taskOf(options, { condition_task: { op, left, right } });
}

interface ForEachTaskOptions extends TaskOptions {
  /** A list, or a reference to one such as `{{tasks.list.values.days}}`. */
  readonly inputs: string | readonly JsonValue[];
  readonly task: RunTask;
  /** Default 1. */
  readonly concurrency?: number;
}

/** A `for_each_task`: one task for each of the inputs. */
export function forEachTask(options: ForEachTaskOptions): RunTask {
  const { task, concurrency } = options;
  const inputs = typeof options.inputs === 'string' ? options.inputs : JSON.stringify(options.inputs);
  return taskOf(options, { for_each_task: toApi({ inputs, task, concurrency }) });
}

interface OtherTaskOptions extends TaskOptions {
  /** Such as `genie_task`. */
  readonly type: `${string}_task`;
  /** In the API's own words. */
  readonly fields: JsonObject;
  readonly compute?: Compute;
}

/** A task of any other type, passed through as it is. */
export function otherTask(options: OtherTaskOptions): RunTask {
  return taskOf(options, { [options.type]: options.fields });
}

type WithCompute = TaskOptions & { readonly compute?: Compute | 'serverless' };

function taskOf(options: WithCompute, typed: JsonObject): RunTask {
  const { key, description, runIf, timeoutSeconds, libraries, dependsOn, extra } = options;
  const { maxRetries, minRetryIntervalMillis, retryOnTimeout } = options;
  return {
    task_key: key,
    ...toApi({ description, runIf, maxRetries, minRetryIntervalMillis, retryOnTimeout }),
    ...toApi({ timeoutSeconds, libraries, dependsOn: dependsOn?.map(toDependency) }),
    ...computeOf(options.compute),
    ...typed,
    ...extra,
  };
}

function toDependency(dependency: Dependency): JsonObject {
  return typeof dependency === 'string' ? { task_key: dependency } : toApi({ ...dependency });
}

function computeOf(compute: Compute | 'serverless' | undefined): JsonObject {
  if (compute === undefined || compute === 'serverless') return {};
  const { newCluster, existingClusterId, environmentKey } = compute;
  return toApi({
    newCluster: newCluster === undefined ? undefined : clusterOf(newCluster),
    existingClusterId,
    environmentKey,
  });
}

function clusterOf({ autoscale, extra, ...fields }: NewCluster): JsonObject {
  return {
    ...toApi(fields),
    ...(autoscale === undefined ? {} : { autoscale: toApi(autoscale) }),
    ...extra,
  };
}

/** Our names to the API's, `sparkConf` to `spark_conf`; what is below them belongs to the user and stays as it is. */
export function toApi(fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const renamed = Object.entries(compact(fields)).map(([name, value]): [string, JsonValue] => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(renamed);
}
