import type { JsonObject } from '../../../../src/connector';

/** Each kind of compute as a task names it. */
export const COMPUTES = {
  new_cluster: {
    new_cluster: { spark_version: '15.4.x-scala2.12', node_type_id: 'i3.xlarge', num_workers: 2 },
  },
  existing_cluster_id: { existing_cluster_id: '1121-120000-example' },
  job_cluster_key: { job_cluster_key: 'shared' },
  environment_key: { environment_key: 'serverless' },
  none: {},
} as const satisfies Record<string, JsonObject>;

export type ComputeName = keyof typeof COMPUTES;

interface TaskTypeRow {
  readonly type: string;
  readonly task: JsonObject;
  /** What Databricks lets it run on, as far as its documents say; `job_cluster_key` in saved jobs only. */
  readonly runsOn: readonly ComputeName[];
}

const CLUSTERS: readonly ComputeName[] = ['new_cluster', 'existing_cluster_id', 'job_cluster_key'];
const ANY: readonly ComputeName[] = [...CLUSTERS, 'environment_key', 'none'];
const GIVEN: readonly ComputeName[] = [...CLUSTERS, 'environment_key'];
const NOTHING: readonly ComputeName[] = ['none'];

const notebook = {
  notebook_path: '/Shared/etl',
  base_parameters: { day: '2026-11-21', n: 3 },
  source: 'WORKSPACE',
};

/** One row for each documented task type, and one that nobody knows yet. */
export const TASK_TYPES: readonly TaskTypeRow[] = [
  { type: 'notebook_task', task: { ...notebook, warehouse_id: 'w' }, runsOn: ANY },
  {
    type: 'spark_python_task',
    task: { python_file: 'dbfs:/jobs/load.py', parameters: ['--day', '1'], source: 'WORKSPACE' },
    runsOn: GIVEN,
  },
  {
    type: 'spark_jar_task',
    task: { main_class_name: 'com.example.Main', parameters: ['a'], jar_uri: 'dbfs:/a.jar' },
    runsOn: GIVEN,
  },
  { type: 'spark_submit_task', task: { parameters: ['--class', 'Main'] }, runsOn: ['new_cluster'] },
  {
    type: 'python_wheel_task',
    task: { package_name: 'etl', entry_point: 'main', named_parameters: { day: '1' } },
    runsOn: GIVEN,
  },
  {
    type: 'sql_task',
    task: { warehouse_id: 'w', query: { query_id: 'q' }, parameters: { a: '1' } },
    runsOn: NOTHING,
  },
  {
    type: 'dbt_task',
    task: { commands: ['dbt deps', 'dbt run'], warehouse_id: 'w', schema: 's', catalog: 'c', source: 'GIT' },
    runsOn: ANY,
  },
  { type: 'pipeline_task', task: { pipeline_id: 'p', full_refresh: true }, runsOn: NOTHING },
  {
    type: 'run_job_task',
    task: { job_id: '9007199254740993', job_parameters: { a: 'b' }, jar_params: ['x'] },
    runsOn: NOTHING,
  },
  { type: 'condition_task', task: { op: 'GREATER_THAN', left: '{{a}}', right: 12 }, runsOn: NOTHING },
  {
    type: 'for_each_task',
    task: {
      inputs: '["a","b"]',
      concurrency: 2,
      task: { task_key: 'inner', notebook_task: notebook },
    },
    runsOn: NOTHING,
  },
  {
    type: 'clean_rooms_notebook_task',
    task: { clean_room_name: 'room', notebook_name: 'n', notebook_base_parameters: { a: 'b' } },
    runsOn: NOTHING,
  },
  { type: 'dashboard_task', task: { dashboard_id: 'd', subscription: { paused: true } }, runsOn: NOTHING },
  { type: 'alert_task', task: { alert_id: 'a', warehouse_id: 'w' }, runsOn: NOTHING },
  { type: 'power_bi_task', task: { warehouse_id: 'w', tables: [{ name: 't' }] }, runsOn: NOTHING },
  {
    type: 'dbt_platform_task',
    task: { connection_resource_name: 'c', dbt_platform_job_id: '1' },
    runsOn: NOTHING,
  },
  { type: 'dbt_cloud_task', task: { connection_resource_name: 'c', dbt_cloud_job_id: 1 }, runsOn: NOTHING },
  { type: 'python_operator_task', task: { main: 'm.f', parameters: [{ name: 'a' }] }, runsOn: ANY },
  { type: 'gen_ai_compute_task', task: { dl_runtime_image: 'i' }, runsOn: ANY },
  { type: 'ai_runtime_task', task: { command: 'train' }, runsOn: ANY },
  { type: 'agentic_task', task: { agent: 'a' }, runsOn: ANY },
  { type: 'genie_task', task: { space_id: 's' }, runsOn: NOTHING },
  { type: 'task_of_the_year_3000_task', task: { any: [1, { thing: null }] }, runsOn: ANY },
];
