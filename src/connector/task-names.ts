/** Name of the workflow type: one execution is one task. */
export const TASK_WORKFLOW_TYPE = 'connectorTask';

/** Name of the workflow type that looks for what closed tasks left over. */
export const RECONCILE_WORKFLOW_TYPE = 'reconcileTasks';

/** The memo key under which a task shows itself. */
export const TASK_MEMO_KEY = 'task';

/** The id of a task that follows a job somebody else started: adopting it twice joins the same task. */
export function adoptedTaskId(place: string, externalId: string): string {
  return `adopted-${place}-${externalId}`;
}

/** `lh-<original run id>-<attempt>`: at most 64 characters, one per attempt. */
export function toIdempotencyToken(state: { readonly tokenBase: string; readonly attempt: number }): string {
  return `lh-${state.tokenBase}-${state.attempt}`;
}
