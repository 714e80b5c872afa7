import { z } from 'zod';
import {
  anyObject,
  count,
  flag,
  id,
  integer,
  listOf,
  objects,
  oneOf,
  plainText,
  positive,
  scalar,
  shapeOf,
  text,
  textMap,
  texts,
  upToJsonBytes,
} from './databricks-fields';

const MOST_BASE_PARAMETER_BYTES = 1024 * 1024;
const MOST_DBT_COMMANDS = 10;

const dbtCommands = z
  .array(
    text.refine((command) => typeof command !== 'string' || /^\s*dbt(\s|$)/.test(command), {
      error: 'must begin with dbt',
    }),
    { error: 'must be a list of texts' },
  )
  .max(MOST_DBT_COMMANDS, { error: `must not hold more than ${MOST_DBT_COMMANDS} commands` });

const pipelineParams = shapeOf(
  {},
  { full_refresh: flag, full_refresh_selection: texts, refresh_selection: texts },
);

/** What run-now may put in the place of the saved job's own parameters; a run_job_task has the same. */
export const PARAMETER_OVERRIDES: Readonly<Record<string, z.ZodType>> = {
  notebook_params: textMap,
  jar_params: texts,
  python_params: texts,
  python_named_params: textMap,
  spark_submit_params: texts,
  sql_params: textMap,
  dbt_commands: dbtCommands,
  pipeline_params: pipelineParams,
};

const SQL_OBJECTS = ['query', 'dashboard', 'alert', 'file'];

const sqlTask = oneOf(
  shapeOf(
    { warehouse_id: text },
    {
      query: shapeOf({ query_id: text }),
      dashboard: shapeOf({ dashboard_id: text }, { subscriptions: objects, pause_subscriptions: flag }),
      alert: shapeOf({ alert_id: text }, { subscriptions: objects, pause_subscriptions: flag }),
      file: shapeOf({ path: text }, { source: text }),
      parameters: textMap,
    },
  ),
  SQL_OBJECTS,
);

/** Task types whose fields we know; every other `…_task` object passes through untouched. */
const TASK_TYPES: Readonly<Record<string, z.ZodType>> = {
  notebook_task: shapeOf(
    { notebook_path: text },
    {
      base_parameters: upToJsonBytes(textMap, MOST_BASE_PARAMETER_BYTES),
      source: text,
      warehouse_id: text,
    },
  ),
  spark_python_task: shapeOf({ python_file: text }, { parameters: texts, source: text }),
  spark_jar_task: shapeOf({ main_class_name: text }, { parameters: texts, jar_uri: text }),
  spark_submit_task: shapeOf({}, { parameters: texts }),
  python_wheel_task: shapeOf(
    { package_name: text, entry_point: text },
    { parameters: texts, named_parameters: textMap },
  ),
  sql_task: sqlTask,
  dbt_task: shapeOf(
    { commands: dbtCommands },
    {
      project_directory: text,
      profiles_directory: text,
      schema: text,
      catalog: text,
      warehouse_id: text,
      source: text,
    },
  ),
  pipeline_task: shapeOf(
    { pipeline_id: text },
    { full_refresh: flag, full_refresh_selection: texts, refresh_selection: texts },
  ),
  run_job_task: shapeOf({ job_id: id }, { job_parameters: textMap, ...PARAMETER_OVERRIDES }),
  condition_task: shapeOf({ op: text, left: scalar, right: scalar }),
  for_each_task: shapeOf({ inputs: text, task: anyObject }, { concurrency: positive }),
  clean_rooms_notebook_task: shapeOf(
    { clean_room_name: text, notebook_name: text },
    { etag: text, notebook_base_parameters: textMap },
  ),
};

const newCluster = shapeOf(
  {},
  {
    spark_version: text,
    node_type_id: text,
    driver_node_type_id: text,
    num_workers: count,
    autoscale: shapeOf({}, { min_workers: count, max_workers: count }),
    spark_conf: textMap,
    spark_env_vars: textMap,
    custom_tags: textMap.refine((tags) => Object.keys(tags).length <= 45, {
      error: 'must not hold more than 45 tags',
    }),
    docker_image: shapeOf({}, { url: text, basic_auth: shapeOf({}, { username: text, password: text }) }),
    init_scripts: objects,
    instance_pool_id: text,
    policy_id: text,
    data_security_mode: text,
    single_user_name: text,
    runtime_engine: text,
    cluster_log_conf: anyObject,
    aws_attributes: anyObject,
    azure_attributes: anyObject,
    gcp_attributes: anyObject,
  },
);

export const health = shapeOf({}, { rules: listOf(shapeOf({}, { metric: text, op: text, value: count })) });

const NOTIFIED = [
  'on_start',
  'on_success',
  'on_failure',
  'on_duration_warning_threshold_exceeded',
  'on_streaming_backlog_exceeded',
];
const MOST_WEBHOOKS = 3;
const webhooks = listOf(shapeOf({ id: text }), MOST_WEBHOOKS);

/** Who hears of a task or a run: the same fields for both. */
export const NOTIFICATIONS: Readonly<Record<string, z.ZodType>> = {
  email_notifications: shapeOf({}, Object.fromEntries(NOTIFIED.map((event) => [event, texts]))),
  webhook_notifications: shapeOf({}, Object.fromEntries(NOTIFIED.map((event) => [event, webhooks]))),
  notification_settings: shapeOf(
    {},
    {
      no_alert_for_canceled_runs: flag,
      no_alert_for_skipped_runs: flag,
      alert_on_last_attempt: flag,
    },
  ),
};

/** What a task may hold, wherever it stands: in `tasks[]`, inside for-each, or at the top of a legacy body. */
export const TASK_FIELDS: Readonly<Record<string, z.ZodType>> = {
  ...TASK_TYPES,
  ...NOTIFICATIONS,
  existing_cluster_id: text,
  new_cluster: newCluster,
  environment_key: plainText,
  libraries: objects,
  timeout_seconds: count,
  max_retries: integer(-1, 'must be -1 (for ever) or more'),
  min_retry_interval_millis: count,
  retry_on_timeout: flag,
  disable_auto_optimization: flag,
  health,
};
