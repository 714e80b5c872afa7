import { z } from 'zod';
import {
  invalidTask,
  isJsonObject,
  isSecretReference,
  type JsonObject,
  type JsonValue,
} from '../../connector';
import {
  atMostOneOf,
  flag,
  id,
  listOf,
  nameText,
  objects,
  oneOf,
  plainText,
  scalar,
  shapeOf,
  taskKey,
  text,
  textMap,
  textUpTo,
  texts,
  upToJsonBytes,
} from './databricks-fields';
import { health, NOTIFICATIONS, PARAMETER_OVERRIDES, TASK_FIELDS } from './databricks-task-types';

const LONGEST_DESCRIPTION = 1_000;
const MOST_PARAMETER_BYTES = 10_000;

const TASK_MEMBERS: Readonly<Record<string, z.ZodType>> = {
  ...TASK_FIELDS,
  description: textUpTo(LONGEST_DESCRIPTION),
  run_if: text,
  disabled: flag,
  depends_on: listOf(shapeOf({ task_key: plainText }, { outcome: text })),
};

const task = shapeOf({ task_key: taskKey }, TASK_MEMBERS);

const gitSource = atMostOneOf(
  shapeOf(
    { git_url: textUpTo(300), git_provider: text },
    {
      git_branch: textUpTo(255),
      git_tag: textUpTo(255),
      git_commit: textUpTo(64),
      sparse_checkout: shapeOf({}),
    },
  ),
  ['git_branch', 'git_tag', 'git_commit'],
);

const environmentSpec = atMostOneOf(
  shapeOf(
    {},
    {
      environment_version: scalar,
      client: scalar,
      base_environment: text,
      dependencies: texts,
      java_dependencies: texts,
    },
  ),
  ['environment_version', 'base_environment'],
);

/** One key may come twice: Flyte's own connector sends it so. */
const environments = listOf(shapeOf({ environment_key: plainText }, { spec: environmentSpec }), 100);

const environmentVariables = listOf(
  shapeOf(
    { environment_variables_key: plainText },
    {
      variables: textMap.refine((variables) => Object.keys(variables).length <= 100, {
        error: 'must not hold more than 100 variables',
      }),
      files: texts.max(5, { error: 'must not hold more than 5 files' }),
    },
  ),
);

const PRINCIPALS = ['user_name', 'group_name', 'service_principal_name'];
const principal = { user_name: text, group_name: text, service_principal_name: text };

/** What both kinds of requests may say about the run as a whole. */
const RUN_FIELDS = {
  queue: shapeOf({}, { enabled: flag }),
  performance_target: text,
};

const SUBMIT_FIELDS: Readonly<Record<string, z.ZodType>> = {
  ...TASK_FIELDS,
  ...RUN_FIELDS,
  run_name: nameText,
  tasks: objects,
  git_source: gitSource,
  environments,
  environment_variables: environmentVariables,
  run_as: atMostOneOf(shapeOf({}, principal), PRINCIPALS),
  access_control_list: listOf(oneOf(shapeOf({ permission_level: text }, principal), PRINCIPALS)),
  budget_policy_id: text,
  usage_policy_id: text,
  health,
  ...NOTIFICATIONS,
};

/** A key of the saved job's tasks; a sign before or after it takes its neighbors along. */
const onlyKey = plainText.regex(/^\+?[\w-]{1,100}\+?$/, {
  error: 'must be the key of a task, with + before or after it to take its neighbors along',
});

const overrides = Object.fromEntries(
  Object.entries(PARAMETER_OVERRIDES).map(([key, kind]): [string, z.ZodType] => [
    key,
    key.endsWith('_params') ? upToJsonBytes(kind, MOST_PARAMETER_BYTES) : kind,
  ]),
);

const RUN_NOW_FIELDS: Readonly<Record<string, z.ZodType>> = {
  ...RUN_FIELDS,
  job_id: id,
  job_name: nameText.min(1, { error: 'must not be empty' }),
  job_parameters: textMap,
  only: z.array(onlyKey, { error: 'must be a list of task keys' }),
  ...overrides,
};

const SCHEMAS = {
  task,
  submitBody: shapeOf({}, SUBMIT_FIELDS),
  runNowBody: shapeOf({}, RUN_NOW_FIELDS),
};

/** The known names, by where they stand. */
export const FIELD_NAMES = {
  task: [...Object.keys(TASK_MEMBERS), 'task_key'],
  submit: [...Object.keys(SUBMIT_FIELDS), 'idempotency_token'],
  runNow: Object.keys(RUN_NOW_FIELDS),
} as const satisfies Record<string, readonly string[]>;

const BODY_MEMBERS: ReadonlySet<string> = new Set([...FIELD_NAMES.submit, ...FIELD_NAMES.runNow]);

/** Is this a member of a `runs/submit` or `run-now` body? One of the task types of tomorrow is, too. */
export function isBodyMember(key: string): boolean {
  return BODY_MEMBERS.has(key) || key.endsWith('_task');
}

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
