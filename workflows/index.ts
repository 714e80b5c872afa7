/** The one workflow of Longhaul; built into the bundle that workers and tests load. */
export { connectorTask } from './connector-task';
