/** Flyte's `TaskExecution.Phase`, by name. Source: flyteidl `core/execution.proto`. */
export const TASK_PHASES = [
  'UNDEFINED',
  'QUEUED',
  'INITIALIZING',
  'WAITING_FOR_RESOURCES',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'RETRYABLE_FAILED',
  'ABORTED',
] as const;

export type TaskPhase = (typeof TASK_PHASES)[number];

const TERMINAL_PHASES: ReadonlySet<TaskPhase> = new Set([
  'SUCCEEDED',
  'FAILED',
  'RETRYABLE_FAILED',
  'ABORTED',
]);

/** Has the job ended, however it did? */
export function isTerminalPhase(phase: TaskPhase): boolean {
  return TERMINAL_PHASES.has(phase);
}

export function isTaskPhase(value: unknown): value is TaskPhase {
  return TASK_PHASES.some((phase) => phase === value);
}
