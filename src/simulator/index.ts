/** The simulated Databricks workspace (`longhaul simulate`). Nothing here is shared with the Databricks connector. */
export type { AdminPort } from './admin';
export type { OauthClient } from './token-endpoint';
export type { CountersReport } from './counters';
export type { JobFailureShape } from './endings';
export { FAULT_KINDS, parseFaultSpec, type FaultKind, type FaultSpec } from './faults';
export type { ApiVersion } from './model';
export { DEFAULT_TOKEN, type SimulatorLogger, type SimulatorOptions } from './options';
export type { Outcome, OutcomeMatch, OutcomeRule, RawState } from './outcomes';
export { parseSecret, type SecretValue } from './secret-store';
export type { RateOptions } from './rate-limit';
export type { FederationPolicy } from './federation';
export type { TokenTrouble } from './token-trouble';
export { parseWebhook, type WebhookDelivery, type WebhookDestination } from './webhooks';
export { startSimulator, type Simulator } from './simulator';
