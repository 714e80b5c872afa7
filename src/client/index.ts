export type { RepairedTask } from './repair-task';
export {
  TaskClient,
  type OnEnded,
  type StartedTask,
  type TaskClientOptions,
  type TaskOutcome,
} from './task-client';
export { checkTask, type Door } from './task-door';
export type { TaskFilter } from './task-list';
export { PAYLOAD_LIMIT_BYTES, type TaskRequest } from './task-request';
export type { TaskState, TaskStatus } from './task-status';
