import type { JsonObject } from '../../connector';
import type { DatabricksTask } from './databricks-task';

/** Of a run of a job that exists, only these can be said anew; the job itself says the rest. */
const OF_JOB_RUNS: ReadonlySet<string> = new Set(['queue', 'performance_target']);

/** The body with the workspace's defaults where the task says nothing. Whole members: nothing is merged inside of one. */
export function withWorkspaceDefaults(
  { operation, body }: Pick<DatabricksTask, 'operation' | 'body'>,
  defaults: JsonObject = {},
): JsonObject {
  const fitting = Object.entries(defaults).filter(
    ([member]) => operation === 'submit' || OF_JOB_RUNS.has(member),
  );
  return { ...Object.fromEntries(fitting), ...body };
}
