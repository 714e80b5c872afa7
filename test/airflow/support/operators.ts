import type { JsonObject } from '../../../src/connector';

/** Where the classes live that the tests name; the providers' own paths hold on both majors. */
const BASH = 'airflow.providers.standard.operators.bash.BashOperator';
const PYTHON = 'airflow.providers.standard.operators.python.PythonOperator';
export const HTTP = 'airflow.providers.http.operators.http.HttpOperator';
export const FILE_SENSOR = 'airflow.providers.standard.sensors.filesystem.FileSensor';
export const TIME_DELTA_SENSOR = 'airflow.providers.standard.sensors.time_delta.TimeDeltaSensor';
export const DATE_TIME_SENSOR = 'airflow.providers.standard.sensors.date_time.DateTimeSensorAsync';
const SUBMIT_RUN = 'airflow.providers.databricks.operators.databricks.DatabricksSubmitRunOperator';
export const RUN_NOW = 'airflow.providers.databricks.operators.databricks.DatabricksRunNowOperator';
export const DEMO = 'longhaul_demo.operators';
export const DEMO_SENSORS = 'longhaul_demo.sensors';
export const DEMO_HOOK = 'longhaul_demo.hooks.DemoHook';

/** The `spec` of a task file: an operator and what it is made with. */
export function operator(path: string, parameters: JsonObject, more: JsonObject = {}): JsonObject {
  return { operator: path, parameters, ...more };
}

export function bash(command: string, more: JsonObject = {}): JsonObject {
  return operator(BASH, { bash_command: command }, more);
}

/** A function of `longhaul_demo.callables`. */
export function python(name: string, parameters: JsonObject = {}, more: JsonObject = {}): JsonObject {
  return operator(
    PYTHON,
    { python_callable: { $callable: `longhaul_demo.callables:${name}` }, ...parameters },
    more,
  );
}

export function timedelta(seconds: number): JsonObject {
  return { $timedelta: seconds };
}

export interface SubmitOptions {
  /** The run's name: by it outcomes of the simulator find the run. */
  readonly name: string;
  readonly deferrable?: boolean;
  readonly path?: string;
  readonly parameters?: JsonObject;
}

/** A run of one notebook, polled each second. */
export function submitRun(options: SubmitOptions, more: JsonObject = {}): JsonObject {
  const { name, deferrable = true, path = SUBMIT_RUN, parameters = {} } = options;
  const json = { run_name: name, notebook_task: { notebook_path: '/main' }, existing_cluster_id: 'c-1' };
  return operator(path, { json, deferrable, polling_period_seconds: 1, ...parameters }, more);
}
