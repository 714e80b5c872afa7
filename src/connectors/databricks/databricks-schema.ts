import { z } from 'zod';
import {
  invalidTask,
  isJsonObject,
  isSecretReference,
  type JsonObject,
  type JsonValue,
} from '../../connector';

/** Text, or a reference to a secret that will become text. */
const text = z.custom<JsonValue>(
  (value) => typeof value === 'string' || isSecretReference(value as JsonValue | undefined),
  { error: 'must be text' },
);
const plainText = z.string({ error: 'must be text' });
const texts = z.array(text, { error: 'must be a list of texts' });
const textMap = z.record(z.string(), text, { error: 'must be an object of texts' });
const anyObject = z.looseObject({}, { error: 'must be an object' });
const flag = z.boolean({ error: 'must be true or false' });
const count = z.int({ error: 'must be an integer' }).min(0, { error: 'must not be negative' });
const LARGEST_ID = 2n ** 63n - 1n;
const ID_RULE = 'must be a 64-bit id above 0; beyond 2^53 it must be in quotes';
const id = z.custom<JsonValue>(isId, { error: ID_RULE });

function isId(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0;
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) return false;
  return BigInt(value) > 0n && BigInt(value) <= LARGEST_ID;
}

const LONGEST_NAME_BYTES = 4096;
const runName = plainText.refine((name) => new TextEncoder().encode(name).length <= LONGEST_NAME_BYTES, {
  error: `must not exceed ${LONGEST_NAME_BYTES} bytes`,
});

/** Task types whose fields we know; every other `…_task` object passes through untouched. */
const TASK_TYPES = {
  notebook_task: z.looseObject({ notebook_path: text, base_parameters: anyObject.optional() }),
  spark_python_task: z.looseObject({ python_file: text, parameters: texts.optional() }),
  spark_jar_task: z.looseObject({ main_class_name: text, parameters: texts.optional() }),
  spark_submit_task: z.looseObject({ parameters: texts.optional() }),
  python_wheel_task: z.looseObject({
    package_name: text,
    entry_point: text,
    parameters: texts.optional(),
    named_parameters: anyObject.optional(),
  }),
  sql_task: z.looseObject({ warehouse_id: text, parameters: anyObject.optional() }),
  dbt_task: z.looseObject({ commands: texts }),
  pipeline_task: z.looseObject({ pipeline_id: text }),
  run_job_task: z.looseObject({ job_id: id, job_parameters: anyObject.optional() }),
  condition_task: z.looseObject({ op: text, left: text, right: text }),
  for_each_task: z.looseObject({ inputs: text, task: anyObject, concurrency: count.optional() }),
};

const newCluster = z.looseObject(
  {
    spark_version: text.optional(),
    node_type_id: text.optional(),
    num_workers: count.optional(),
    autoscale: z.looseObject({ min_workers: count.optional(), max_workers: count.optional() }).optional(),
    spark_conf: anyObject.optional(),
    spark_env_vars: anyObject.optional(),
  },
  { error: 'must be an object' },
);

/** What a task may hold, wherever it stands: in `tasks[]`, inside for-each, or at the top of a legacy body. */
const TASK_FIELDS = {
  ...Object.fromEntries(Object.entries(TASK_TYPES).map(([key, shape]) => [key, shape.optional()])),
  existing_cluster_id: text.optional(),
  new_cluster: newCluster.optional(),
  environment_key: plainText.optional(),
  libraries: z.array(anyObject, { error: 'must be a list of objects' }).optional(),
  timeout_seconds: count.optional(),
  max_retries: z
    .int({ error: 'must be an integer' })
    .min(-1, { error: 'must be -1 (for ever) or more' })
    .optional(),
  min_retry_interval_millis: count.optional(),
  retry_on_timeout: flag.optional(),
  email_notifications: anyObject.optional(),
  webhook_notifications: anyObject.optional(),
  notification_settings: anyObject.optional(),
};

const task = z.looseObject(
  {
    ...TASK_FIELDS,
    task_key: plainText.regex(/^[\w-]{1,100}$/, {
      error: 'must have 1 to 100 characters of A-Z, a-z, 0-9, _ and -',
    }),
    description: text.optional(),
    run_if: text.optional(),
    disabled: flag.optional(),
    depends_on: z
      .array(z.looseObject({ task_key: plainText, outcome: text.optional() }), {
        error: 'must be a list of objects',
      })
      .optional(),
  },
  { error: 'must be an object' },
);

const submitBody = z.looseObject({
  ...TASK_FIELDS,
  run_name: runName.optional(),
  tasks: z.array(anyObject, { error: 'must be a list of tasks' }).optional(),
  git_source: anyObject.optional(),
  environments: z
    .array(z.looseObject({ environment_key: plainText, spec: anyObject.optional() }), {
      error: 'must be a list of objects',
    })
    .optional(),
  queue: z.looseObject({ enabled: flag.optional() }, { error: 'must be an object' }).optional(),
  run_as: anyObject.optional(),
  health: anyObject.optional(),
  access_control_list: z.array(anyObject, { error: 'must be a list of objects' }).optional(),
  budget_policy_id: text.optional(),
  performance_target: text.optional(),
});

const runNowBody = z.looseObject({
  job_id: id,
  job_parameters: textMap.optional(),
  notebook_params: anyObject.optional(),
  jar_params: texts.optional(),
  python_params: texts.optional(),
  python_named_params: anyObject.optional(),
  spark_submit_params: texts.optional(),
  sql_params: anyObject.optional(),
  dbt_commands: texts.optional(),
  pipeline_params: anyObject.optional(),
  only: z.array(plainText, { error: 'must be a list of task keys' }).optional(),
  queue: anyObject.optional(),
  performance_target: text.optional(),
});

const SCHEMAS = { task, submitBody, runNowBody };

/**
 * Checks the types of the known fields; unknown ones pass.
 * @throws INVALID_TASK naming the first bad field under `path`.
 */
export function assertShape(kind: keyof typeof SCHEMAS, value: JsonValue, path: string): void {
  const result = SCHEMAS[kind].safeParse(value);
  const issue = result.error?.issues[0];
  if (issue === undefined) return;
  const found = valueAt(value, issue.path);
  throw invalidTask(
    `${path}${toFieldPath(issue.path)}`,
    found === undefined ? 'is missing' : wordsOf(issue),
    // What was meant as a secret must not be repeated in an error.
    isJsonObject(found) && isSecretReference(found) ? undefined : found,
  );
}

function wordsOf(issue: z.core.$ZodIssue): string {
  return issue.message.startsWith('must ') ? issue.message : issue.message.replace(/^Invalid input: /, '');
}

function toFieldPath(path: readonly PropertyKey[]): string {
  return path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
}

function valueAt(value: JsonValue, path: readonly PropertyKey[]): JsonValue | undefined {
  let found: JsonValue | undefined = value;
  for (const key of path) {
    if (Array.isArray(found)) found = (found as readonly JsonValue[])[Number(key)];
    else found = isJsonObject(found) ? found[String(key)] : undefined;
  }
  return found;
}

/** The keys of the task type objects in a task: exactly one is right. */
export function taskTypesOf(value: JsonObject): string[] {
  return Object.keys(value).filter((key) => key.endsWith('_task') && isJsonObject(value[key]));
}
