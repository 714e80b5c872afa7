/** The simulated Databricks workspace (`longhaul simulate`). Nothing here is shared with the Databricks connector. */
export type { AdminPort } from './admin';
export type { OauthClient } from './auth';
export type { CountersReport } from './counters';
export type { JobFailureShape } from './endings';
export { FAULT_KINDS, parseFaultSpec, type FaultKind, type FaultSpec } from './faults';
export { DEFAULT_TOKEN, type SimulatorLogger, type SimulatorOptions } from './options';
export type { Outcome, OutcomeMatch, OutcomeRule, RawState } from './outcomes';
export { parseSecret, type SecretValue } from './secret-store';
export { startSimulator, type Simulator } from './simulator';
