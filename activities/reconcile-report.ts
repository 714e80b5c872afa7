import type { TaskPhase } from '../src/connector/phase';

/** What to do with what was left over. */
export const RECONCILE_ACTIONS = ['report', 'cancel', 'adopt'] as const;
export type ReconcileAction = (typeof RECONCILE_ACTIONS)[number];

/** The input of the workflow `reconcileTasks`. */
export interface ReconcileRequest {
  /** How far back closed tasks are looked at, in milliseconds. */
  readonly sinceMs: number;
  readonly action: ReconcileAction;
  /** Only this place: the name of a workspace. */
  readonly place?: string;
  /** May `action` touch jobs that carry our mark and belong to no task of this namespace? They may be somebody else's. */
  readonly foreign?: boolean;
  /** Who asks, for the record of what is canceled. */
  readonly by?: string;
}

/** `ACTIVE`: seen running, and nobody follows it. `UNKNOWN`: nobody can say; the note says why. */
export type LeftState = 'ACTIVE' | 'UNKNOWN';

/** `task`: the job of a closed task. `foreign`: a job with our mark that no task of this namespace knows. */
export interface Finding {
  readonly kind: 'task' | 'foreign';
  readonly state: LeftState;
  readonly taskType: string;
  readonly taskId?: string;
  readonly externalId?: string;
  readonly place?: string;
  readonly phase?: TaskPhase;
  /** When the task closed; of a foreign job, when it was started. Epoch milliseconds. */
  readonly since?: number;
  /** How the task closed, such as `TERMINATED`. */
  readonly closed?: string;
  readonly done: 'nothing' | 'canceling' | 'adopted';
  /** The task that stops or follows it now. */
  readonly followedBy?: string;
  /** For people: what is known, or what to do now. */
  readonly note: string;
}

/** The result of the workflow `reconcileTasks`; compact whatever was found. Times in epoch milliseconds. */
export interface ReconcileReport {
  readonly checkedAt: number;
  readonly since: number;
  readonly action: ReconcileAction;
  /** Closed tasks looked at, and active jobs seen that carry our mark. */
  readonly closedTasks: number;
  readonly markedJobs: number;
  /** What was found in all; of these, how many an action took up, and how many are left over still. */
  readonly found: number;
  readonly handled: number;
  readonly left: number;
  /** The first findings; `found` counts all of them. */
  readonly findings: readonly Finding[];
  /** Places that could not be asked: what runs there is not in this report. */
  readonly unread: readonly { readonly place: string; readonly reason: string }[];
}

/** More rows than a person reads, few enough for a workflow's result. */
export const FINDINGS_KEPT = 500;
