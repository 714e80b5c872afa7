import type { Connection } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time';
import { LonghaulError } from '../connector/errors';
import { messageOf } from './run-command';

/** How long closed tasks stay known: it bounds "the same id is the same task". */
export const RETENTION_DAYS = 30;

const DAY_MS = 86_400_000;

/** How long the namespace keeps closed workflows, in days. @throws CONFIG when it does not exist or does not say. */
export async function readRetentionDays(connection: Connection, namespace: string): Promise<number> {
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return tsToMs(config?.workflowExecutionRetentionTtl) / DAY_MS;
  } catch (error) {
    throw new LonghaulError('CONFIG', `The namespace ${namespace} cannot be read: ${messageOf(error)}`, {
      cause: error,
      advice: 'Check TEMPORAL_NAMESPACE, or create it: temporal operator namespace create.',
    });
  }
}

/**
 * Raises the retention to `days`, never lowers it, and looks whether it took. Safe to repeat.
 * @returns the retention that holds now, in days.
 * @throws PERMISSION_DENIED with the command that an administrator runs.
 */
export async function ensureRetention(
  connection: Connection,
  namespace: string,
  days: number = RETENTION_DAYS,
): Promise<number> {
  const before = await readRetentionDays(connection, namespace);
  if (before >= days) return before;
  try {
    const workflowExecutionRetentionTtl = msToTs(days * DAY_MS);
    await connection.workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl },
    });
  } catch (error) {
    throw notRaised(messageOf(error), { namespace, days }, error);
  }
  const after = await readRetentionDays(connection, namespace);
  if (after < days) throw notRaised(`it stays at ${after} days`, { namespace, days });
  return after;
}

function notRaised(
  reason: string,
  { namespace, days }: { readonly namespace: string; readonly days: number },
  cause?: unknown,
): LonghaulError {
  return new LonghaulError('PERMISSION_DENIED', `The retention of ${namespace} cannot be raised: ${reason}`, {
    cause,
    advice: `Ask an administrator: temporal operator namespace update --namespace ${namespace} --retention ${days}d`,
  });
}
