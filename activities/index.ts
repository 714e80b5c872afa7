export { createConnectorActivities } from './connector-activities';
export { createFinderActivities, type FinderActivities, type FindJobInput } from './find-job';
export type { ActivityDependencies, SecretPort } from './ports';
export { createReconcileActivities } from './reconcile';
export {
  RECONCILE_ACTIONS,
  type Finding,
  type ReconcileAction,
  type ReconcileReport,
  type ReconcileRequest,
} from './reconcile-report';
export { createTaskActivities, type TaskActivities } from './task-activities';
