import { repairWaitOf, type TaskReport } from '../../client';
import { toDuration } from '../format';

/** How long a task has been as it is, or how long it took to end; of one that waits for a repair, until its job failed. */
export function describeSince({ status, receipt, madeAt }: TaskReport): string {
  const { startedAt, closedAt, state } = status;
  const failedAt = repairWaitOf(status) === undefined ? undefined : receipt.attempts.at(-1)?.endedAt;
  const endedAt = closedAt ?? failedAt;
  if (endedAt !== undefined) return `after ${toDuration(endedAt - startedAt)}`;
  if (repairWaitOf(status) !== undefined) return '';
  return `${state === 'OPEN' ? 'for' : 'after'} ${toDuration(madeAt - startedAt)}`;
}
