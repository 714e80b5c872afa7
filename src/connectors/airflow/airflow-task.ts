import {
  invalidTask,
  LonghaulError,
  type JsonObject,
  type JsonValue,
  type TaskTemplate,
} from '../../connector';
import { readTaskConfig } from './airflow-flyte';
import { hintFor } from './airflow-hint';
import { isAirflowMajor, memberOf, type AirflowMajor } from './airflow-major';
import { assertMembers, isRetries } from './airflow-schema';

export const AIRFLOW_TASK_TYPE = 'airflow';

/** A task template, read: what our side must know of it. The rest is for the worker, whose allow-list decides. */
export interface AirflowTask {
  /** Dotted path of the operator's or hook's class. */
  readonly classPath: string;
  /** The one the task names; the configured one when absent. */
  readonly major?: AirflowMajor;
  /** Airflow's `retries` and the first try. */
  readonly attempts: number;
}

/**
 * Reads `template.custom` in either of its shapes: ours `{ operator | hook, parameters, … }` or Flyte's
 * `{ task_config_pkl }`. Pure; nothing is evaluated.
 * @throws INVALID_TASK naming field, reason and value; PERMISSION_DENIED for refused tags; UNSUPPORTED for what needs
 * a DAG around it.
 */
export function parseAirflowTask({ custom }: TaskTemplate): AirflowTask {
  const isFlyte = custom['task_config_pkl'] !== undefined;
  const task = isFlyte ? parseFlyteTask(custom) : parseOwnTask(custom);
  assertNoDag(task.classPath, isFlyte ? 'custom.task_config_pkl' : 'spec.operator');
  return task;
}

/** Beside the operator a template may say which Airflow it was written for. */
const FLYTE_MEMBERS = ['task_config_pkl', 'airflow_major'] as const;

function parseFlyteTask(custom: JsonObject): AirflowTask {
  const stray = Object.keys(custom).find((key) => !FLYTE_MEMBERS.some((known) => known === key));
  if (stray !== undefined) {
    throw invalidTask(
      `custom.${stray}`,
      `is not known beside task_config_pkl${hintFor(stray, FLYTE_MEMBERS)}`,
    );
  }
  const { airflow_major: major = null } = custom;
  if (major !== null && !isAirflowMajor(major)) {
    throw invalidTask('custom.airflow_major', 'must be 2 or 3', major);
  }
  const { module, name, parameters } = readTaskConfig(custom['task_config_pkl']);
  assertNotMapped(parameters, 'custom.task_config_pkl.parameters');
  return {
    classPath: `${module}.${name}`,
    attempts: attemptsIn(parameters),
    ...(major === null ? {} : { major }),
  };
}

function parseOwnTask(spec: JsonObject): AirflowTask {
  assertNotMapped(spec, 'spec');
  assertMembers(spec);
  assertTogether(spec);
  const { operator, hook, airflow, retries, parameters } = spec;
  return {
    classPath: textOf(operator ?? hook),
    attempts: attemptsIn(retries === undefined ? parameters : spec),
    ...(isAirflowMajor(airflow) ? { major: airflow } : {}),
  };
}

/** Checked before: one of them is a class path. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** One operator, or one method of one hook. */
function assertTogether(spec: JsonObject): void {
  const { operator, hook, method, args } = spec;
  if (operator === undefined && hook === undefined) {
    throw invalidTask(
      'spec.operator',
      'is missing: an Airflow task names its operator, or a hook and its method',
    );
  }
  if (operator !== undefined) {
    const stray = Object.entries({ hook, method, args }).find(([, value]) => value !== undefined);
    if (stray !== undefined) throw invalidTask(`spec.${stray[0]}`, 'cannot stand beside operator');
  } else if (method === undefined) {
    throw invalidTask('spec.method', 'is missing: it names the method of the hook to call');
  }
}

function attemptsIn(holder: JsonValue | undefined): number {
  const retries = memberOf(holder, 'retries');
  return isRetries(retries) ? retries + 1 : 1;
}

const MAPPING_MEMBERS = ['expand', 'expand_kwargs', 'partial', 'partial_kwargs', 'map_index'] as const;

function assertNotMapped(value: JsonObject, field: string): void {
  const member = MAPPING_MEMBERS.find((name) => value[name] !== undefined);
  if (member === undefined) return;
  throw unsupported(
    `${field}.${member}: mapped tasks need a DAG`,
    'Start one task for each element: every one has its own id, retries and logs.',
  );
}

/** What looks at, or starts, other tasks of a DAG; there is none here. The same list as the worker's. */
const NEEDS_DAG: Readonly<Record<string, string>> = {
  ExternalTaskSensor: 'Wait for the other task itself: longhaul wait ID.',
  ExternalTaskMarker: 'Leave it out: it only marks a dependency in Airflow’s UI.',
  TriggerDagRunOperator:
    'Start the other task itself: longhaul submit FILE, or the HTTP API of your Airflow.',
  SubDagOperator: 'Start one task for each part.',
  DatabricksWorkflowTaskGroup:
    'Submit the workflow as one run: type databricks, or DatabricksSubmitRunOperator.',
  _CreateDatabricksWorkflowOperator: 'Submit the workflow as one run: DatabricksSubmitRunOperator.',
  LatestOnlyOperator: 'Leave it out: there is no schedule here.',
};

function assertNoDag(classPath: string, field: string): void {
  const name = classPath.split('.').at(-1) ?? '';
  const advice = Object.hasOwn(NEEDS_DAG, name) ? NEEDS_DAG[name] : undefined;
  if (advice !== undefined) throw unsupported(`${field}: ${name} needs a DAG around it`, advice);
}

function unsupported(what: string, advice: string): LonghaulError {
  return new LonghaulError('UNSUPPORTED', `${what}, and a task here stands alone; nothing was started.`, {
    advice,
  });
}
