import { proxyActivities } from '@temporalio/workflow';

import type { ReconcileActivities } from '../activities/reconcile';
import type { ReconcileReport, ReconcileRequest } from '../activities/reconcile-report';

/** Thousands of closed tasks are read page by page; a lost worker is seen by its heartbeats. */
const { reconcile } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '5 seconds', maximumAttempts: 5 },
  summary: 'look for what closed tasks left over',
});

/** Looks for external jobs that nobody follows any more, and does with them what was asked. Once, or as a schedule. */
export async function reconcileTasks(request: ReconcileRequest): Promise<ReconcileReport> {
  return reconcile(request);
}
