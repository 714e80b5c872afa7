import type { Ending } from './model';

/** What a dependency's end means to those that wait for it. */
export type EndKind = 'succeeded' | 'failed' | 'canceled' | 'excluded';

export interface DependencyEnd {
  readonly kind: EndKind;
  /** What `depends_on[].outcome` asks for, and what the condition task said. */
  readonly wantedOutcome?: string | undefined;
  readonly outcome?: string | undefined;
}

export type Verdict = 'run' | 'excluded' | 'upstream_failed' | 'upstream_canceled';

export function endKind(ending: Pick<Ending, 'result'>): EndKind {
  switch (ending.result) {
    case 'SUCCESS':
    case 'SUCCESS_WITH_FAILURES':
      return 'succeeded';
    case 'CANCELED':
    case 'UPSTREAM_CANCELED':
      return 'canceled';
    case 'EXCLUDED':
    case 'DISABLED':
      return 'excluded';
    case undefined:
    default:
      return 'failed';
  }
}

/**
 * Decides about a task whose dependencies have all ended. A canceled dependency counts as a failed one, an excluded one
 * as a successful one; if all are excluded, so is the task. Source: docs.databricks.com `jobs/run-if`.
 */
export function decideTask(runIf: string, dependencies: readonly DependencyEnd[]): Verdict {
  if (dependencies.length === 0) return 'run';
  if (dependencies.some(isOtherBranch) || dependencies.every(({ kind }) => kind === 'excluded')) {
    return 'excluded';
  }
  return isMet(runIf, dependencies) ? 'run' : unmet(runIf, dependencies);
}

function isOtherBranch({ wantedOutcome, outcome }: DependencyEnd): boolean {
  return wantedOutcome !== undefined && wantedOutcome !== outcome;
}

function isMet(runIf: string, dependencies: readonly DependencyEnd[]): boolean {
  switch (runIf) {
    case 'ALL_DONE':
      return true;
    case 'AT_LEAST_ONE_SUCCESS':
      return dependencies.some(({ kind }) => kind === 'succeeded');
    case 'AT_LEAST_ONE_FAILED':
      return dependencies.some(hasFailed);
    case 'ALL_FAILED':
      return dependencies.every(hasFailed);
    default: // ALL_SUCCESS and NONE_FAILED differ only in how the Databricks UI words them
      return !dependencies.some(hasFailed);
  }
}

function unmet(runIf: string, dependencies: readonly DependencyEnd[]): Verdict {
  if (runIf === 'AT_LEAST_ONE_FAILED' || runIf === 'ALL_FAILED') return 'excluded';
  return dependencies.some(({ kind }) => kind === 'failed') ? 'upstream_failed' : 'upstream_canceled';
}

function hasFailed({ kind }: DependencyEnd): boolean {
  return kind === 'failed' || kind === 'canceled';
}
