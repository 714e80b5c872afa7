export {
  findAirflowEnvironment,
  openAirflowEnvironment,
  type AirflowEnvironment,
} from './airflow-environment';
export { startAirflowProcess, type AirflowProcess } from './airflow-process';
export {
  airflowWorkerVariables,
  simulatedConnections,
  withoutTemporalProfile,
  type SimulatedWorkspace,
} from './airflow-variables';
export { createOperatorIdentity, type OperatorIdentity } from './operator-identity';
export { createSecretPort, type SecretPortOptions } from './secret-port';
export { startWorkers, type RunningWorkers, type WorkersOptions } from './workers';
