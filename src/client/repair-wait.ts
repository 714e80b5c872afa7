import { isInRepairWindow, type TaskStatus } from './task-status';

/** A task whose job has failed and that stays open for a repair. */
export interface RepairWait {
  /** Epoch milliseconds; absent where the message does not tell. */
  readonly until?: number;
  /** Why the job failed, as the task would close with it. */
  readonly failure: string;
}

const WAITING = /^failed; waiting for a repair until (\S+): ([^]*)$/;

/** What a task in its repair window waits for, by its message; undefined for any other task. Pure. */
export function repairWaitOf(status: TaskStatus): RepairWait | undefined {
  if (!isInRepairWindow(status)) return undefined;
  const [, time = '', failure] = WAITING.exec(status.message ?? '') ?? [];
  if (failure === undefined) return { failure: status.message ?? 'no reason was given' };
  const until = Date.parse(time);
  return Number.isNaN(until) ? { failure } : { failure, until };
}
