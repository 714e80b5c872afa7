import type { Clock } from './clock';
import type { JobFailureShape } from './endings';
import type { PythonRunner } from './python-runner';
import type { Timing } from './step';
import type { Workspace } from './workspace';

/** The workspace and all it is run by. */
export interface EngineOptions {
  readonly workspace: Workspace;
  readonly clock: Clock;
  readonly python: PythonRunner;
  readonly timing: Timing;
  readonly failureShape: JobFailureShape;
  readonly limits: WorkspaceLimits;
}

export interface WorkspaceLimits {
  /** Active runs in the whole workspace; more are queued, or refused where queueing is off. */
  readonly maxActiveRuns: number;
  readonly maxSavedJobs: number;
  /** Jobs created in any hour, submitted runs included. */
  readonly jobsPerHour: number;
}
