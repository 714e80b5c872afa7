/** Name of the workflow type: one execution is one task. */
export const TASK_WORKFLOW_TYPE = 'connectorTask';

/** The memo key under which a task shows itself. */
export const TASK_MEMO_KEY = 'task';
