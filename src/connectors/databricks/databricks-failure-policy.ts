import { invalidTask, isJsonObject, parseDuration, type JsonObject, type JsonValue } from '../../connector';
import { changeCompute, parseComputeChange, type ComputeChange } from './databricks-compute';
import { FAILURE_TABLE } from './databricks-failure-table';

/** What a task wants done about a kind of failure. */
export type FailureAction =
  | { readonly action: 'fail' | 'retry' | 'repair' }
  | { readonly action: 'retryAfter'; readonly delayMs: number }
  | { readonly action: 'resubmit'; readonly compute: ComputeChange };

/** `fail`; `warn`: green, with a warning; `accept`: green. */
export type Leniency = 'fail' | 'warn' | 'accept';

/** What a task says of failures, over the table. */
export interface FailurePolicy {
  /** By code, result, type or `default`. */
  readonly onFailure: ReadonlyMap<string, FailureAction>;
  /** For runs whose leaves went through although some task failed. */
  readonly onSuccessWithFailures: Leniency;
  /** For runs in which nothing was run because no condition was met. */
  readonly onExcluded: Leniency;
}

export const DEFAULT_FAILURE_POLICY: FailurePolicy = {
  onFailure: new Map(),
  onSuccessWithFailures: 'fail',
  onExcluded: 'fail',
};

const LENIENCIES: readonly Leniency[] = ['fail', 'warn', 'accept'];
/** For every failure that no other key names; a cancel by somebody is none. */
export const DEFAULT_KEY = 'default';

/** What may be named: a misspelled key would never apply, and nobody would notice. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  DEFAULT_KEY,
  ...FAILURE_TABLE.filter(({ kind, name }) => kind !== 'words' && name !== 'SUCCESS').map(({ name }) => name),
  'FAILED',
]);

/** Reads `policy.onFailure` and its like. @throws INVALID_TASK naming the field. */
export function readFailurePolicy(value: JsonObject | undefined): FailurePolicy {
  if (value === undefined) return DEFAULT_FAILURE_POLICY;
  const { onFailure = {}, onSuccessWithFailures = 'fail', onExcluded = 'fail' } = value;
  if (!isJsonObject(onFailure)) throw invalidTask('policy.onFailure', 'must be an object', onFailure);
  return {
    onFailure: new Map(Object.entries(onFailure).map(([key, action]) => [key, parseEntry(key, action)])),
    onSuccessWithFailures: parseLeniency('policy.onSuccessWithFailures', onSuccessWithFailures),
    onExcluded: parseLeniency('policy.onExcluded', onExcluded),
  };
}

/** What a task starts: a body to submit, or a saved job to run. */
interface StartedTask {
  readonly operation: 'submit' | 'run-now';
  readonly body: JsonObject;
}

/** Checks a policy at the door, with the task it is for; none where it follows a run. @throws INVALID_TASK. */
export function assertFailurePolicy(policy: JsonObject, task: StartedTask | undefined): void {
  for (const [key, action] of readFailurePolicy(policy).onFailure) {
    if (action.action !== 'resubmit') continue;
    const field = `policy.onFailure.${key}.resubmit.compute`;
    if (task?.operation !== 'submit') {
      throw invalidTask(
        field,
        'only a submitted run can be given other compute, not a saved job or a followed run',
      );
    }
    changeCompute(task.body, action.compute, field);
  }
}

function parseEntry(key: string, value: JsonValue): FailureAction {
  const field = `policy.onFailure.${key}`;
  if (KNOWN_KEYS.has(key)) return parseAction(field, value);
  throw invalidTask(field, 'is no termination code, result or type; longhaul explain lists them');
}

function parseAction(field: string, value: JsonValue): FailureAction {
  if (value === 'fail' || value === 'retry' || value === 'repair') return { action: value };
  const [entry, ...others] = isJsonObject(value) ? Object.entries(value) : [];
  if (entry !== undefined && others.length === 0) {
    const [name, argument] = entry;
    if (name === 'retryAfter') {
      return { action: 'retryAfter', delayMs: parseDuration(`${field}.retryAfter`, argument) };
    }
    if (name === 'resubmit' && isJsonObject(argument)) {
      return {
        action: 'resubmit',
        compute: parseComputeChange(`${field}.resubmit.compute`, argument['compute']),
      };
    }
  }
  const known = 'fail, retry, repair, { retryAfter: 5m } or { resubmit: { compute: … } }';
  throw invalidTask(field, `must be ${known}`, value);
}

function parseLeniency(field: string, value: JsonValue): Leniency {
  const known = LENIENCIES.find((leniency) => leniency === value);
  if (known !== undefined) return known;
  throw invalidTask(field, `must be one of ${LENIENCIES.join(', ')}`, value);
}
