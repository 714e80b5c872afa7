import {
  findSecretReferences,
  invalidTask,
  isJsonObject,
  isSecretReference,
  type JsonObject,
  type JsonValue,
} from '../../connector';
import { AIRFLOW_MAJORS, isAirflowMajor } from './airflow-major';
import { hintFor } from './airflow-hint';
import { isClassPath, isName } from './airflow-names';
import { assertConnections, assertVariables } from './airflow-secrets';

/** Checks one member of the plain form. @throws INVALID_TASK naming the field. */
type Check = (field: string, value: JsonValue) => void;

/** Airflow's own rule for its keys. Source: airflow.utils.helpers.validate_key. */
const KEY = /^[\w.-]{1,250}$/;
const RUN_ID = /^[A-Za-z0-9_.~:+-]{1,250}$/;
const MOST_RETRIES = 100;
/** With a time of day or without, with a zone or without; what is left out is midnight and UTC. */
const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

const CHECKS: Readonly<Record<string, Check>> = {
  operator: assertClassPath,
  hook: assertClassPath,
  method: assertMethod,
  args: anObject,
  parameters: assertParameters,
  params: assertWithoutSecrets,
  conf: assertWithoutSecrets,
  upstream: assertUpstream,
  connections: assertConnections,
  variables: assertVariables,
  retries: assertRetries,
  dag_id: matching(KEY, 'must have 1 to 250 characters of A-Z, a-z, 0-9, _, . and -'),
  task_id: matching(KEY, 'must have 1 to 250 characters of A-Z, a-z, 0-9, _, . and -'),
  run_id: matching(RUN_ID, 'must have 1 to 250 characters of A-Z, a-z, 0-9, _, ., ~, :, + and -'),
  logical_date: assertDate,
  data_interval_start: assertDate,
  data_interval_end: assertDate,
  airflow: assertMajor,
};

const KNOWN_MEMBERS: readonly string[] = Object.keys(CHECKS);

/** Checks every given member by itself; how they go together is for the caller. @throws INVALID_TASK naming the field. */
export function assertMembers(spec: JsonObject): void {
  for (const [name, value] of Object.entries(spec)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
    if (check === undefined) throw invalidTask(`spec.${name}`, unknownMember(name));
    check(`spec.${name}`, value);
  }
}

/** What every operator takes, and what people look for beside `retries`. */
const OPERATOR_PARAMETERS: ReadonlySet<string> = new Set([
  ...['retry_delay', 'retry_exponential_backoff', 'max_retry_delay', 'execution_timeout', 'deferrable'],
  ...['mode', 'poke_interval', 'timeout', 'soft_fail', 'exponential_backoff', 'do_xcom_push'],
]);

function unknownMember(name: string): string {
  if (OPERATOR_PARAMETERS.has(name)) return 'belongs into spec.parameters, as the operator takes it';
  return `is not known${hintFor(name, KNOWN_MEMBERS)}`;
}

function assertParameters(field: string, value: JsonValue): void {
  anObject(field, value);
  if (isJsonObject(value) && value['dag'] !== undefined) {
    throw invalidTask(`${field}.dag`, 'cannot be given: a task here runs outside any DAG');
  }
}

/** Templates show these: a secret may stand in connections, variables, parameters and args only. */
function assertWithoutSecrets(field: string, value: JsonValue): void {
  anObject(field, value);
  const [found] = findSecretReferences(value, field);
  if (found === undefined) return;
  throw invalidTask(
    found.field,
    'is a secret; one may stand in connections, variables, parameters and args only',
  );
}

function matching(pattern: RegExp, rule: string): Check {
  return (field, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw invalidTask(field, rule, value);
  };
}

function assertClassPath(field: string, value: JsonValue): void {
  if (!isClassPath(value)) {
    throw invalidTask(field, 'must be a dotted class path such as package.module.ClassName', value);
  }
}

function assertMethod(field: string, value: JsonValue): void {
  if (!isName(value) || value.startsWith('_')) {
    throw invalidTask(field, 'must name a public method of the hook', value);
  }
}

function anObject(field: string, value: JsonValue): void {
  if (!isJsonObject(value)) throw invalidTask(field, 'must be an object', value);
}

/** XComs by task: what `xcom_pull` finds. */
function assertUpstream(field: string, value: JsonValue): void {
  if (!isJsonObject(value)) throw invalidTask(field, 'must be an object of tasks', value);
  for (const [task, xcoms] of Object.entries(value)) {
    if (!isJsonObject(xcoms) || isSecretReference(xcoms)) {
      throw invalidTask(
        `${field}.${task}`,
        'must be an object of XComs by key, such as { return_value: 1 }',
        xcoms,
      );
    }
  }
  assertWithoutSecrets(field, value);
}

function assertRetries(field: string, value: JsonValue): void {
  if (isRetries(value)) return;
  throw invalidTask(field, `must be an integer from 0 to ${MOST_RETRIES}`, value);
}

export function isRetries(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_RETRIES;
}

function assertDate(field: string, value: JsonValue): void {
  const isDate = typeof value === 'string' && DATE.test(value) && isRealDay(value);
  if (!isDate) throw invalidTask(field, 'must be a date such as 2026-11-21T06:00:00Z', value);
}

/** JavaScript takes the 31st of February for a day in March. */
function isRealDay(text: string): boolean {
  const day = text.slice(0, 10);
  const at = Date.parse(`${day}T00:00:00Z`);
  const isDay = !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
  const zoned = text.length === 10 ? `${text}T00:00:00Z` : text.replace(' ', 'T');
  return isDay && !Number.isNaN(Date.parse(zoned));
}

function assertMajor(field: string, value: JsonValue): void {
  if (!isAirflowMajor(value)) throw invalidTask(field, `must be ${AIRFLOW_MAJORS.join(' or ')}`, value);
}
