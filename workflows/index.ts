/** The workflows of Longhaul; built into the bundle that workers and tests load. */
export { connectorTask } from './connector-task';
export { reconcileTasks } from './reconcile-tasks';
