import { latestAttempts, type Attempt, type Run } from './model';
import { isWireObject, toText, type WireObject, type WireValue } from './wire-json';

/** Whose values `{{…}}` stands for. */
export interface Scope {
  readonly run: Run;
  readonly attempt: Attempt;
}

const REFERENCE = /\{\{\s*([\w.-]+)\s*\}\}/g;

/**
 * Puts values where dynamic value references stand, in all texts of `value`: parameters and facts of the job, results
 * and values of earlier tasks, the input of an iteration. What it does not know stays as it is.
 */
function resolveReferences(value: WireValue, scope: Scope): WireValue {
  if (typeof value === 'string') return resolveText(value, scope);
  if (Array.isArray(value)) {
    return (value as readonly WireValue[]).map((item) => resolveReferences(item, scope));
  }
  return isWireObject(value) ? resolveFields(value, scope) : value;
}

export function resolveFields(fields: WireObject, scope: Scope): WireObject {
  const resolved = Object.entries(fields).map(
    ([name, item]) => [name, resolveReferences(item, scope)] as const,
  );
  return Object.fromEntries(resolved);
}

export function resolveText(text: string, scope: Scope): string {
  return text.replace(REFERENCE, (whole, path: string) => {
    const value = lookUp(path, scope);
    return value === undefined ? whole : toText(value);
  });
}

/** The run's parameters by name. */
export function jobParametersOf({ echo }: Run): ReadonlyMap<string, WireValue> {
  const list = (echo['job_parameters'] ?? []) as readonly WireObject[]; // written when the run was started
  return new Map(list.map(({ name, value }) => [toText(name), value]));
}

function lookUp(path: string, scope: Scope): WireValue {
  const parameter = /^job\.parameters\.(.+)$/.exec(path)?.[1];
  if (parameter !== undefined) return parameterValue(parameter, scope);
  const [, task, field] = /^tasks\.([\w-]+)\.(.+)$/.exec(path) ?? [];
  if (task !== undefined && field !== undefined) return valueOfTask(task, field, scope);
  const item = /^input(?:\.(.+))?$/.exec(path);
  if (item !== null) return pick(scope.attempt.input?.value, item[1]);
  return FACTS[path]?.(scope);
}

const FACTS: Readonly<Record<string, (scope: Scope) => WireValue>> = {
  'job.id': ({ run }) => run.jobId,
  'job.name': ({ run }) => run.name,
  'job.run_id': ({ run }) => run.runId,
  'job.repair_count': ({ run }) => run.repairs.length,
  'job.trigger.type': ({ run }) => (run.parent === undefined ? 'one_time' : 'run_job_task'),
  'job.start_time.timestamp_ms': ({ run }) => run.createdAt,
  'job.start_time.iso_date': ({ run }) => new Date(run.createdAt).toISOString().slice(0, 10),
  'job.start_time.iso_datetime': ({ run }) => new Date(run.createdAt).toISOString(),
  'task.name': ({ attempt }) => attempt.taskKey,
  'task.run_id': ({ attempt }) => attempt.runId,
  'task.execution_count': ({ attempt }) => attempt.number + 1,
  // The older names.
  job_id: ({ run }) => run.jobId,
  run_id: ({ attempt }) => attempt.runId,
  parent_run_id: ({ run }) => run.runId,
  task_key: ({ attempt }) => attempt.taskKey,
  task_retry_count: ({ attempt }) => attempt.retry ?? 0,
  start_date: ({ run }) => new Date(run.createdAt).toISOString().slice(0, 10),
  start_time: ({ run }) => run.createdAt,
};

/** A parameter may be made of references itself, but not of other parameters. */
function parameterValue(name: string, scope: Scope): WireValue {
  const value = jobParametersOf(scope.run).get(name);
  if (typeof value !== 'string' || value.includes('job.parameters.')) return value;
  return resolveText(value, scope);
}

function valueOfTask(key: string, field: string, { run }: Scope): WireValue {
  const attempt = latestAttempts(run).get(key);
  if (field === 'run_id') return attempt?.runId;
  if (field === 'result_state') return attempt?.ending?.result?.toLowerCase();
  const value = /^values\.(.+)$/.exec(field)?.[1];
  return value === undefined ? undefined : pick(attempt?.output?.taskValues, value);
}

function pick(value: WireValue, path: string | undefined): WireValue {
  if (path === undefined) return value;
  return path
    .split('.')
    .reduce<WireValue>((inner, name) => (isWireObject(inner) ? inner[name] : undefined), value);
}
