import { invalidParameter } from './api-error';
import { readTexts, toWireJson, type WireObject } from './wire-json';

/** Fields of run-now that replace parameters of tasks of a kind. */
export const OVERRIDES = [
  'notebook_params',
  'jar_params',
  'python_params',
  'python_named_params',
  'spark_submit_params',
  'sql_params',
  'dbt_commands',
  'pipeline_params',
];
const MAX_BYTES = 10_000;
const MAX_DBT_COMMANDS = 10;
/** They reach a command line. */
const ASCII_ONLY = ['python_params', 'spark_submit_params'];

/** Judged by content: Airflow sends all of them, empty. @throws ApiError INVALID_PARAMETER_VALUE */
export function assertOverrides(request: WireObject): void {
  if (!isEmpty(request['notebook_params']) && !isEmpty(request['jar_params'])) {
    throw invalidParameter('notebook_params and jar_params cannot be specified together.');
  }
  for (const field of OVERRIDES) assertSize(field, request);
  const dbt = readTexts(request, 'dbt_commands') ?? [];
  if (dbt.length > MAX_DBT_COMMANDS || dbt.some((command) => !command.startsWith('dbt'))) {
    throw invalidParameter(
      `dbt_commands takes at most ${MAX_DBT_COMMANDS} commands, each of which starts with dbt.`,
    );
  }
}

export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || Object.keys(value).length === 0;
}

function assertSize(field: string, request: WireObject): void {
  const text = toWireJson({ [field]: request[field] });
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw invalidParameter(`${field} exceeds ${MAX_BYTES} bytes of JSON.`);
  }
  if (ASCII_ONLY.includes(field) && /[^ -~]/.test(text)) {
    throw invalidParameter(`${field} takes only ASCII characters.`);
  }
}
