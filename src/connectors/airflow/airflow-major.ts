import { isJsonObject, type JsonValue, type TaskQueues } from '../../connector';

/** The majors of Airflow that a worker can run. Their serializations differ: a task never moves between them. */
export const AIRFLOW_MAJORS = [2, 3] as const;
export type AirflowMajor = (typeof AIRFLOW_MAJORS)[number];

export function isAirflowMajor(value: unknown): value is AirflowMajor {
  return AIRFLOW_MAJORS.some((major) => major === value);
}

/** Pokes of sensors wait on `airflowM`, or what the operator calls it; create, delete and logs never wait behind them. */
export function airflowQueues(major: AirflowMajor, name = `airflow${major}`): TaskQueues {
  return { polls: name, control: `${name}:control` };
}

/** Of any queue of a major, those of operators and triggers included. */
export function majorOfQueue(taskQueue: string): AirflowMajor | undefined {
  return AIRFLOW_MAJORS.find((major) => taskQueue.split(':')[0] === `airflow${major}`);
}

/** The member of an object; undefined for anything else. */
export function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}
