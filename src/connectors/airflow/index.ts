export { AirflowConnector, type AirflowConnectorOptions } from './airflow-connector';
export { AIRFLOW_MAJORS, airflowQueues, isAirflowMajor, type AirflowMajor } from './airflow-major';
export { AirflowMetadata } from './airflow-metadata';
export { parseAirflowTask, type AirflowTask } from './airflow-task';
