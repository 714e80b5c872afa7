export {
  TaskClient,
  type OnEnded,
  type StartedTask,
  type TaskClientOptions,
  type TaskOutcome,
} from './task-client';
export type { TaskFilter } from './task-list';
export { PAYLOAD_LIMIT_BYTES, type TaskRequest } from './task-request';
export type { TaskState, TaskStatus } from './task-status';
