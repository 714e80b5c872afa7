export type { RepairedTask } from './repair-task';
export {
  TaskClient,
  type OnEnded,
  type StartedTask,
  type TaskClientOptions,
  type TaskOutcome,
} from './task-client';
export { checkTask, type Door } from './task-door';
export { checkAdoption, type AdoptRequest } from './adopt';
export { ReconcileClient, RECONCILE_SCHEDULE, type ReconcileClientOptions } from './reconcile-client';
export { leftJobAdvice } from './left-job';
export type { TaskFilter } from './task-list';
export { PAYLOAD_LIMIT_BYTES, type NamedRequest, type TaskRequest } from './task-request';
export { isInRepairWindow, type TaskState, type TaskStatus } from './task-status';
export { repairWaitOf, type RepairWait } from './repair-wait';
export type { TaskOutputs } from './job-reader';
export type { TaskLogsRequest } from './task-logs';
export type { TaskCause, TaskReport } from './task-report';
