import {
  conditionTask,
  dbtTask,
  forEachTask,
  jarTask,
  notebookTask,
  otherTask,
  pipelineTask,
  pythonTask,
  runJob,
  runJobTask,
  sqlTask,
  submitRun,
  wheelTask,
  type Compute,
  type RunTask,
} from '../../../src';
import type { JsonValue } from '../../../src/connector';
import { parseDatabricksTask } from '../../../src/connectors/databricks/databricks-task';

const CLUSTER: Compute = { existingClusterId: 'c' };
const serverless = { compute: 'serverless' } as const;
const notebook = (key: string): RunTask => notebookTask({ key, ...serverless, notebookPath: `/${key}` });

test.each<[string, RunTask, JsonValue]>([
  [
    'notebook',
    notebookTask({
      key: 'a',
      compute: 'serverless',
      notebookPath: '/a',
      baseParameters: { day: '1', Token: { $secret: 'env:T' } },
      source: 'GIT',
    }),
    {
      notebook_task: {
        notebook_path: '/a',
        base_parameters: { day: '1', Token: { $secret: 'env:T' } },
        source: 'GIT',
      },
    },
  ],
  [
    'Python file',
    pythonTask({ key: 'a', compute: { environmentKey: 'e' }, pythonFile: '/a.py', parameters: ['1'] }),
    { environment_key: 'e', spark_python_task: { python_file: '/a.py', parameters: ['1'] } },
  ],
  [
    'wheel by name',
    wheelTask({
      key: 'a',
      compute: CLUSTER,
      packageName: 'p',
      entryPoint: 'e',
      namedParameters: { dayOf: '1' },
    }),
    {
      existing_cluster_id: 'c',
      python_wheel_task: { package_name: 'p', entry_point: 'e', named_parameters: { dayOf: '1' } },
    },
  ],
  [
    'jar on a new cluster',
    jarTask({
      key: 'a',
      compute: {
        newCluster: {
          sparkVersion: '15.4.x-scala2.12',
          autoscale: { minWorkers: 1, maxWorkers: 4 },
          sparkConf: { 'spark.sql.adaptiveEnabled': 'true' },
          extra: { runtime_engine: 'PHOTON' },
        },
      },
      mainClassName: 'M',
      libraries: [{ jar: '/a.jar' }],
    }),
    {
      new_cluster: {
        spark_version: '15.4.x-scala2.12',
        autoscale: { min_workers: 1, max_workers: 4 },
        spark_conf: { 'spark.sql.adaptiveEnabled': 'true' },
        runtime_engine: 'PHOTON',
      },
      libraries: [{ jar: '/a.jar' }],
      spark_jar_task: { main_class_name: 'M' },
    },
  ],
  [
    'query',
    sqlTask({ key: 'a', warehouseId: 'w', run: { kind: 'query', id: 'q' }, parameters: { x: '1' } }),
    { sql_task: { warehouse_id: 'w', query: { query_id: 'q' }, parameters: { x: '1' } } },
  ],
  [
    'SQL file',
    sqlTask({ key: 'a', warehouseId: 'w', run: { kind: 'file', path: '/a.sql', source: 'WORKSPACE' } }),
    { sql_task: { warehouse_id: 'w', file: { path: '/a.sql', source: 'WORKSPACE' } } },
  ],
  [
    'dbt project',
    dbtTask({ key: 'a', compute: CLUSTER, commands: ['dbt run'], projectDirectory: '/p' }),
    { existing_cluster_id: 'c', dbt_task: { commands: ['dbt run'], project_directory: '/p' } },
  ],
  [
    'pipeline',
    pipelineTask({ key: 'a', pipelineId: 'p', fullRefresh: true }),
    { pipeline_task: { pipeline_id: 'p', full_refresh: true } },
  ],
  [
    'saved job',
    runJobTask({ key: 'a', jobId: '9007199254740993', jobParameters: { day: '1' } }),
    { run_job_task: { job_id: '9007199254740993', job_parameters: { day: '1' } } },
  ],
  [
    'condition',
    conditionTask({ key: 'a', op: 'EQUAL_TO', left: '{{x}}', right: '1' }),
    { condition_task: { op: 'EQUAL_TO', left: '{{x}}', right: '1' } },
  ],
  [
    'task for each input',
    forEachTask({ key: 'a', inputs: [1, 2], task: notebook('n'), concurrency: 2 }),
    { for_each_task: { inputs: '[1,2]', task: notebook('n'), concurrency: 2 } },
  ],
  [
    'task of any other type',
    otherTask({ key: 'a', type: 'genie_task', fields: { space_id: 's' } }),
    { genie_task: { space_id: 's' } },
  ],
])('a %s is built in the API’s own words and passes the door', (_what, task, body) => {
  expect(task).toEqual({ task_key: 'a', ...(body as object) });
  const extra = { environments: [{ environment_key: 'e', spec: { environment_version: '2' } }] };
  const template = submitRun({ tasks: [task], extra });
  expect(parseDatabricksTask(template)).toMatchObject({ operation: 'submit', body: { tasks: [task] } });
});

test('what every task may say is renamed, and extra passes anything', () => {
  const task = notebookTask({
    key: 'b',
    ...serverless,
    notebookPath: '/b',
    description: 'second',
    dependsOn: ['a', { taskKey: 'if', outcome: 'true' }],
    runIf: 'ALL_DONE',
    maxRetries: 2,
    minRetryIntervalMillis: 1000,
    retryOnTimeout: true,
    timeoutSeconds: 60,
    extra: { disable_auto_optimization: true },
  });
  expect(task).toEqual({
    task_key: 'b',
    notebook_task: { notebook_path: '/b' },
    description: 'second',
    depends_on: [{ task_key: 'a' }, { task_key: 'if', outcome: 'true' }],
    run_if: 'ALL_DONE',
    max_retries: 2,
    min_retry_interval_millis: 1000,
    retry_on_timeout: true,
    timeout_seconds: 60,
    disable_auto_optimization: true,
  });
});

test('a submitted run becomes a template for the client', () => {
  const template = submitRun({
    name: 'nightly',
    workspace: 'prod',
    tasks: [notebook('a')],
    environments: [{ key: 'e', environmentVersion: '2', dependencies: ['x'] }],
    gitSource: { gitUrl: 'https://example.com/r', gitProvider: 'gitHub', gitTag: 'v1' },
    timeoutSeconds: 60,
    queue: { enabled: true },
    performanceTarget: 'STANDARD',
    extra: { budget_policy_id: 'b' },
  });
  const request = {
    run_name: 'nightly',
    tasks: [notebook('a')],
    environments: [{ environment_key: 'e', spec: { environment_version: '2', dependencies: ['x'] } }],
    git_source: { git_url: 'https://example.com/r', git_provider: 'gitHub', git_tag: 'v1' },
    timeout_seconds: 60,
    queue: { enabled: true },
    performance_target: 'STANDARD',
    budget_policy_id: 'b',
  };
  const custom = { workspace: 'prod', request };
  expect(template).toEqual({ type: 'databricks', version: 0, name: 'nightly', custom });
  expect(parseDatabricksTask(template)).toMatchObject({ operation: 'submit', body: request });
});

test('a saved job runs by id or by name, with all that run-now takes', () => {
  const options = {
    jobParameters: { day: '1' },
    only: ['a', 'b+'],
    notebookParams: { n: '1' },
    pythonParams: ['1'],
    pythonNamedParams: { p: '1' },
    sparkSubmitParams: ['1'],
    sqlParams: { s: '1' },
    dbtCommands: ['dbt run'],
    pipelineParams: { fullRefresh: true },
    queue: { enabled: false },
  };
  const template = runJob({ jobId: '9007199254740993' }, options);
  const request = {
    job_id: '9007199254740993',
    job_parameters: { day: '1' },
    only: ['a', 'b+'],
    notebook_params: { n: '1' },
    python_params: ['1'],
    python_named_params: { p: '1' },
    spark_submit_params: ['1'],
    sql_params: { s: '1' },
    dbt_commands: ['dbt run'],
    pipeline_params: { full_refresh: true },
    queue: { enabled: false },
  };
  expect(template).toEqual({ type: 'databricks', version: 0, custom: { request } });
  expect(parseDatabricksTask(template)).toMatchObject({ operation: 'run-now', body: request });
  expect(parseDatabricksTask(runJob({ jobName: 'nightly' }))).toMatchObject({ jobName: 'nightly' });
});

/** Compiled, never called: each line below must be an error of the compiler. */
export function wrongCombinations(): unknown[] {
  const newCluster = { sparkVersion: '15.4.x-scala2.12' };
  const base = { key: 'a', notebookPath: '/a' };
  const python = { key: 'a', pythonFile: '/a.py' };
  const wheel = { key: 'a', compute: CLUSTER, packageName: 'p', entryPoint: 'e' };
  const git = { gitUrl: 'u', gitProvider: 'gitHub', gitBranch: 'b' };
  return [
    // @ts-expect-error -- two kinds of compute
    notebookTask({ ...base, compute: { newCluster, existingClusterId: 'c' } }),
    // @ts-expect-error -- compute must be said
    notebookTask(base),
    // @ts-expect-error -- a Python file needs an environment on serverless compute
    pythonTask({ ...python, compute: 'serverless' }),
    // @ts-expect-error -- job clusters are for saved jobs
    pythonTask({ ...python, compute: { jobClusterKey: 'k' } }),
    // @ts-expect-error -- by position or by name
    wheelTask({ ...wheel, parameters: ['1'], namedParameters: { a: '1' } }),
    // @ts-expect-error -- a condition needs no compute
    conditionTask({ key: 'a', op: 'EQUAL_TO', left: '1', right: '1', compute: CLUSTER }),
    // @ts-expect-error -- no such operator
    conditionTask({ key: 'a', op: '=', left: '1', right: '1' }),
    // @ts-expect-error -- a file has a path and no id
    sqlTask({ key: 'a', warehouseId: 'w', run: { kind: 'file', id: 'q' } }),
    // @ts-expect-error -- ids of 64 bits are text
    runJobTask({ key: 'a', jobId: 4711 }),
    // @ts-expect-error -- not a type of task
    otherTask({ key: 'a', type: 'genie', fields: {} }),
    // @ts-expect-error -- a value in the place of a secret's name
    pythonTask({ ...python, compute: CLUSTER, parameters: [{ secret: 'x' }] }),
    // @ts-expect-error -- no tasks
    submitRun({ tasks: [] }),
    // @ts-expect-error -- a branch or a tag
    submitRun({ tasks: [notebook('a')], gitSource: { ...git, gitTag: 't' } }),
    // @ts-expect-error -- an id or a name
    runJob({ jobId: '1', jobName: 'n' }),
    // @ts-expect-error -- one of them
    runJob({}),
  ];
}
