import type { Run, TaskSpec } from './model';
import { jobParametersOf, resolveFields, type Scope } from './references';
import { readObject, type WireObject } from './wire-json';

interface Parameters {
  readonly field: string;
  /** The field of run-now that replaces it (a list) or is laid over it (a map). */
  readonly override?: string;
  /** Job parameters are handed down to it, over its own. */
  readonly takesJobParameters?: boolean;
}

/** Source: docs.databricks.com, job parameter pushdown; the run-now reference. */
const PARAMETERS: Readonly<Record<string, readonly Parameters[]>> = {
  notebook_task: [{ field: 'base_parameters', override: 'notebook_params', takesJobParameters: true }],
  spark_python_task: [{ field: 'parameters', override: 'python_params' }],
  spark_jar_task: [{ field: 'parameters', override: 'jar_params' }],
  spark_submit_task: [{ field: 'parameters', override: 'spark_submit_params' }],
  python_wheel_task: [
    { field: 'parameters', override: 'python_params' },
    { field: 'named_parameters', override: 'python_named_params', takesJobParameters: true },
  ],
  sql_task: [{ field: 'parameters', override: 'sql_params', takesJobParameters: true }],
  dbt_task: [{ field: 'commands', override: 'dbt_commands' }],
  run_job_task: [{ field: 'job_parameters', takesJobParameters: true }],
  condition_task: [{ field: 'left' }, { field: 'right' }],
};

/**
 * What a task is really called with: its own parameters, run-now's overrides, job parameters, and the values of
 * `{{…}}`. By kind of task, as in `resolved_values`; nothing for kinds that take no parameters.
 */
export function taskParameters(task: TaskSpec, scope: Scope): WireObject {
  const kinds = Object.entries(PARAMETERS).flatMap(([kind, parameters]) => {
    const own = readObject(task.body, kind);
    if (own === undefined) return [];
    const values = parameters.map(
      ({ field, ...rest }) => [field, merged(own, { field, ...rest }, scope.run)] as const,
    );
    return [
      [
        kind,
        resolveFields(Object.fromEntries(values.filter(([, value]) => value !== undefined)), scope),
      ] as const,
    ];
  });
  return Object.fromEntries(kinds);
}

/** The parameters of one kind of task, such as those of its `notebook_task`. */
export function parametersOf(kind: string, task: TaskSpec, scope: Scope): WireObject {
  return readObject(taskParameters(task, scope), kind) ?? {};
}

function merged(own: WireObject, { field, override, takesJobParameters }: Parameters, run: Run) {
  const overriding = readObject(run.echo, 'overriding_parameters') ?? {};
  const over = override === undefined ? undefined : overriding[override];
  const value = own[field];
  const isList = Array.isArray(over ?? value);
  if (isList || takesJobParameters !== true) return over ?? value;
  const handedDown =
    field === 'named_parameters' && value === undefined ? {} : Object.fromEntries(jobParametersOf(run));
  const all = { ...readObject(own, field), ...readObject({ over }, 'over'), ...handedDown };
  return Object.keys(all).length === 0 ? value : all;
}
