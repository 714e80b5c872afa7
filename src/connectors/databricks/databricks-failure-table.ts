import type { FailureCause } from '../../connector';

/** What a kind of failure usually leads to; `docs/failures.md` shows the same table. */
export type UsualAction =
  | 'fail'
  /** A new run; a repair instead where some of several tasks went through. */
  | 'again'
  /** A new run after a pause that grows. */
  | 'later'
  /** A new run on demand instead of on spot instances; as `again` where that changes nothing. */
  | 'on demand';

/** What a row is found by: `status.termination_details.code` and `.type`, `state.result_state`, or words of a message. */
export type FailureKind = 'code' | 'result' | 'type' | 'words';

export interface FailureRow {
  readonly kind: FailureKind;
  readonly name: string;
  readonly cause: FailureCause;
  readonly action: UsualAction;
  /** In words, with the name before it. */
  readonly meaning: string;
  /** Only where `action` is `later`: the first pause. */
  readonly pauseMs?: number;
  /** With termination type CLIENT_ERROR it is the user's after all, and nothing repeats it. */
  readonly dependsOnType?: boolean;
  /** Words of capacity or quota in the message tell more than the code. */
  readonly hasTellingWords?: boolean;
  /** Says little by itself: whatever else is known goes first. */
  readonly isVague?: boolean;
}

const MINUTE_MS = 60_000;
const LONG_MS = 5 * MINUTE_MS;

type Part = Omit<FailureRow, 'kind' | 'name'>;

const userFault = (meaning: string): Part => ({ cause: 'user', action: 'fail', meaning });
const platform = (meaning: string): Part => ({
  cause: 'platform',
  action: 'again',
  meaning,
  dependsOnType: true,
  hasTellingWords: true,
});
const quota = (meaning: string, pauseMs: number): Part => ({
  cause: 'quota',
  action: 'later',
  meaning,
  pauseMs,
});
const vague = (meaning: string): Part => ({ cause: 'unknown', action: 'fail', meaning, isVague: true });
const capacity = (meaning: string): Part => ({ cause: 'platform', action: 'on demand', meaning });
const cloud = (meaning: string): Part => ({ ...platform(meaning), action: 'on demand' });

/**
 * The policy table. Databricks names the codes and not the blame: the classification is ours and cautious, because
 * every further run costs a whole run. Source of the names: docs.databricks.com, Jobs API 2.2.
 */
export const FAILURE_TABLE: readonly FailureRow[] = [
  ...rows('code', {
    SUCCESS: vague('stands beside a failed result, which is a contradiction'),
    SUCCESS_WITH_FAILURES: userFault('means that some tasks failed although the run went through'),
    USER_CANCELED: userFault('means that somebody canceled the run'),
    CANCELED: vague('means that the run was canceled, or took too long'),
    SKIPPED: userFault('means that nothing was run: a condition was not met, or something upstream failed'),
    DISABLED: userFault('means that nothing was run'),
    INTERNAL_ERROR: platform('is trouble of the platform'),
    DRIVER_ERROR: platform('is trouble of the platform: the Spark driver was lost'),
    CLUSTER_ERROR: platform('is trouble of the platform: the cluster failed'),
    CLUSTER_TERMINATED_BY_USER: userFault('does not go away by itself: somebody ended the cluster'),
    REPOSITORY_CHECKOUT_FAILED: platform('is trouble of the git provider'),
    INVALID_CLUSTER_REQUEST: {
      ...userFault('does not go away by itself: mend the cluster'),
      hasTellingWords: true,
    },
    WORKSPACE_RUN_LIMIT_EXCEEDED: quota('is a limit that eases with time', LONG_MS),
    CLUSTER_REQUEST_LIMIT_EXCEEDED: quota('is a limit that eases with time', MINUTE_MS),
    MAX_CONCURRENT_RUNS_EXCEEDED: quota('is a limit that eases with time', MINUTE_MS),
    MAX_SPARK_CONTEXTS_EXCEEDED: quota('is a limit that eases with time', MINUTE_MS),
    MAX_JOB_QUEUE_SIZE_EXCEEDED: quota('is a limit that eases with time', LONG_MS),
    BUDGET_POLICY_LIMIT_EXCEEDED: userFault('does not go away by itself: the budget is spent'),
    FEATURE_DISABLED: userFault('does not go away by itself: the workspace lacks the feature'),
    STORAGE_ACCESS_ERROR: platform('is trouble of the storage'),
    RUN_EXECUTION_ERROR: userFault("does not go away by itself: the task's own code failed"),
    UNAUTHORIZED_ERROR: userFault('does not go away by itself: a permission is missing'),
    LIBRARY_INSTALLATION_ERROR: platform('is trouble of a package index'),
    RESOURCE_NOT_FOUND: userFault('does not go away by itself: something named in the task does not exist'),
    INVALID_RUN_CONFIGURATION: userFault('does not go away by itself: mend the task'),
    CLOUD_FAILURE: cloud('is trouble of the cloud provider'),
    BREAKING_CHANGE: {
      cause: 'platform',
      action: 'fail',
      meaning: 'is left to Databricks, which runs again by itself',
    },
  }),
  ...rows('result', {
    TIMEDOUT: userFault('means that the run exceeded its own timeout_seconds'),
    MAXIMUM_CONCURRENT_RUNS_REACHED: quota('is a limit that eases with time', MINUTE_MS),
    CANCELED: vague('means that somebody canceled the run'),
    SUCCESS_WITH_FAILURES: userFault('means that some tasks failed although the run went through'),
    EXCLUDED: userFault('means that nothing was run'),
    DISABLED: userFault('means that nothing was run'),
    UPSTREAM_FAILED: vague('means that something upstream failed'),
    UPSTREAM_CANCELED: vague('means that somebody canceled something upstream'),
  }),
  ...rows('type', {
    CLIENT_ERROR: userFault('does not go away by itself'),
    INTERNAL_ERROR: platform('is trouble of the platform'),
    CLOUD_FAILURE: cloud('is trouble of the cloud provider'),
  }),
  ...rows('words', {
    SPOT_INSTANCE_TERMINATION: capacity('means that spot instances were taken away'),
    CLOUD_PROVIDER_RESOURCE_STOCKOUT: capacity('means that the cloud has none left of what was asked for'),
    AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE: capacity('means that AWS has no such instance left'),
    AWS_MAX_SPOT_INSTANCE_COUNT_EXCEEDED_FAILURE: capacity('means that no more spot instances are given'),
    AWS_RESOURCE_QUOTA_EXCEEDED: quota('is a quota of the cloud account', LONG_MS),
    AWS_REQUEST_LIMIT_EXCEEDED: quota('is a quota of the cloud account', LONG_MS),
    AZURE_QUOTA_EXCEEDED_EXCEPTION: quota('is a quota of the cloud account', LONG_MS),
    GCP_QUOTA_EXCEEDED: quota('is a quota of the cloud account', LONG_MS),
  }),
];

function rows(kind: FailureKind, parts: Readonly<Record<string, Part>>): FailureRow[] {
  return Object.entries(parts).map(([name, part]) => ({ kind, name, ...part }));
}

const BY_KIND = new Map(FAILURE_TABLE.map((row) => [`${row.kind} ${row.name}`, row]));

export function findRow(kind: FailureKind, name: string | undefined): FailureRow | undefined {
  return name === undefined ? undefined : BY_KIND.get(`${kind} ${name}`);
}

/** The row of the first word of the table that a message names. */
export function findTellingRow(messages: readonly string[]): FailureRow | undefined {
  return FAILURE_TABLE.find(
    ({ kind, name }) => kind === 'words' && messages.some((message) => message.includes(name)),
  );
}

/** Pauses for quotas that do not ease; the last one goes on. */
const GROWING_PAUSES_MS = [MINUTE_MS, 2 * MINUTE_MS, LONG_MS, 2 * LONG_MS];

/** The pause after the quota was met this often before, never shorter than the row's own. */
export function quotaPauseMs(
  { pauseMs = MINUTE_MS }: Pick<FailureRow, 'pauseMs'>,
  waitedBefore: number,
): number {
  const growing = GROWING_PAUSES_MS[Math.min(waitedBefore, GROWING_PAUSES_MS.length - 1)] ?? pauseMs;
  return Math.max(pauseMs, growing);
}
