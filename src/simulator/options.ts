import type { OauthClient } from './token-endpoint';
import type { JobFailureShape } from './endings';
import type { FaultSpec } from './faults';
import type { FederationPolicy } from './federation';
import type { RateOptions } from './rate-limit';
import type { SecretValue } from './secret-store';
import type { TokenTrouble } from './token-trouble';
import type { WebhookDestination } from './webhooks';
import type { WorkspaceLimits } from './engine-options';
import type { ApiVersion } from './model';
import type { Timing } from './step';

/** A narrow logger; pino fits. */
export interface SimulatorLogger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface SimulatorOptions extends RateOptions {
  /** Default 127.0.0.1: whoever reaches it can run programs with a token. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Personal access tokens. Default, if no clients are given either: `simulated-token`. */
  readonly tokens?: readonly string[];
  /** OAuth clients for the token endpoint. */
  readonly clients?: readonly OauthClient[];
  /** Default: in memory. With a file, runs, tokens and running programs outlive the simulator. */
  readonly stateFile?: string;
  /** How much faster than the real clock the simulated one runs. Default 1. */
  readonly speed?: number;
  readonly faults?: readonly FaultSpec[];
  /** The newest Jobs API it knows; newer ones are "not found". Default 2.2. */
  readonly newestApi?: ApiVersion;
  /** The Python to run local files with. Default `python3`. */
  readonly python?: string;
  /** Where `webhook_notifications` go, by the id that jobs name. Default: nowhere. */
  readonly webhooks?: readonly WebhookDestination[];
  /** Real ms before a webhook is tried again. Default 1000. */
  readonly webhookRetryMs?: number;
  /** What `dbutils.secrets` of a notebook finds. */
  readonly secrets?: readonly SecretValue[];
  readonly logger?: SimulatorLogger;
  /** Simulated ms from a task's start to its execution. Default 1000. */
  readonly pendingMs?: number;
  readonly timing?: Partial<Timing>;
  /** Default `internal_error`, as clients see it today. */
  readonly jobFailureShape?: JobFailureShape;
  /** Simulated seconds an OAuth access token lives. Default 3600. */
  readonly tokenLifetimeSeconds?: number;
  readonly tokenTrouble?: Partial<TokenTrouble>;
  /** Identity providers whose tokens the token endpoint exchanges. */
  readonly federation?: readonly FederationPolicy[];
  /** Runs active at once in the workspace. Default: no limit. */
  readonly maxActiveRuns?: number;
  /** Saved jobs; above it `create` answers QUOTA_EXCEEDED. Default: no limit (Databricks: 10,000). */
  readonly maxSavedJobs?: number;
  /** Jobs created and runs submitted in any hour; above it INVALID_STATE. Default: no limit (Databricks: 10,000). */
  readonly jobsPerHour?: number;
  /** The first id given, as digits, unless the state file says where to go on. Default 9007199254740993, 2^53 + 1. */
  readonly firstId?: string;
}

/** Accepted when neither tokens nor clients are configured. */
export const DEFAULT_TOKEN = 'simulated-token';

export function timingOf({ pendingMs, timing }: SimulatorOptions): Timing {
  const usual = { pendingMs: 1000, runMs: 2000, terminatingMs: 300, cancelDelayMs: 200, killAfterMs: 3000 };
  return { ...usual, ...(pendingMs === undefined ? {} : { pendingMs }), ...timing };
}

export function limitsOf(options: SimulatorOptions): WorkspaceLimits {
  const { maxActiveRuns = Infinity, maxSavedJobs = Infinity, jobsPerHour = Infinity } = options;
  return { maxActiveRuns, maxSavedJobs, jobsPerHour };
}
