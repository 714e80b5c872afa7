export { createConnectorActivities } from './connector-activities';
export type { ActivityDependencies, SecretPort } from './ports';
export { createTaskActivities, type TaskActivities } from './task-activities';
