import { latestOf } from './for-each';
import { hasEnded, specOf, type Attempt, type Ending, type Run, type TaskSpec } from './model';
import { rawStateAt, outcomeOf, type OutcomeRule, type RawState } from './outcomes';
import { endKind } from './run-if';
import type { Scope } from './references';
import { parametersOf, taskParameters } from './task-parameters';
import { readObject, toWireId, type WireObject } from './wire-json';

export interface ViewContext {
  readonly now: number;
  /** Where people find the workspace; start of `run_page_url`. */
  readonly baseUrl: string;
  readonly outcomes: readonly OutcomeRule[];
  /** A fault wants this shown instead of what the script or the truth says. */
  readonly raw?: RawState | undefined;
  readonly resolveValues?: boolean | undefined;
}

export const WORKSPACE_ID = '4242424242424242';
export const USER_NAME = 'simulated@longhaul.example';

/** What of the truth (or of a script) `state` and `status` are made from. */
interface Shown {
  readonly lifeCycle: string;
  readonly ending?: Ending | undefined;
  readonly queue?: { readonly code: string; readonly message: string } | undefined;
}

const STATUS_STATES: Readonly<Record<string, string>> = {
  WAITING_FOR_RETRY: 'WAITING',
  SKIPPED: 'TERMINATED',
  INTERNAL_ERROR: 'TERMINATED',
};

/** A job run without its tasks. */
export function runFields(run: Run, context: ViewContext): WireObject {
  const script = run.cancelRequestedAt === undefined ? outcomeOf(context.outcomes, run) : undefined;
  const raw = context.raw ?? rawStateAt(script, run.createdAt, context.now);
  const single = run.attempts.length === 1 ? run.attempts[0] : undefined;
  return {
    job_id: toWireId(run.jobId),
    run_id: toWireId(run.runId),
    number_in_job: toWireId(run.runId),
    original_attempt_run_id: toWireId(run.runId),
    creator_user_name: USER_NAME,
    run_name: run.name,
    run_type: run.type,
    run_page_url: pageUrl(context, run.jobId, run.runId),
    attempt_number: 0,
    ...triggerFields(run),
    format: 'MULTI_TASK',
    ...stateFields(
      { lifeCycle: lifeCycleOfRun(run), ending: run.ending ?? run.stopping, queue: run.queue },
      raw,
    ),
    start_time: run.createdAt,
    end_time: run.endedAt ?? 0,
    ...(single === undefined
      ? { setup_duration: 0, execution_duration: 0, cleanup_duration: 0 }
      : durations(single)),
    queue_duration: (run.startedAt ?? run.endedAt ?? context.now) - run.createdAt,
    run_duration: (run.endedAt ?? context.now) - run.createdAt,
    ...run.echo,
  };
}

/** One entry of `tasks[]`: all that was asked for, and this attempt's fate. */
export function taskFields(run: Run, attempt: Attempt, context: ViewContext): WireObject {
  const task = specOf(run, attempt);
  const script = run.cancelRequestedAt === undefined ? outcomeOf(context.outcomes, run, attempt) : undefined;
  const raw = context.raw ?? rawStateAt(script, run.createdAt, context.now);
  const started = attempt.executionAt !== undefined;
  return {
    ...task?.body,
    ...conditionFields(task, { run, attempt }),
    ...forEachFields(task, attempt),
    ...(context.resolveValues === true && task !== undefined && attempt.startedAt !== undefined
      ? { resolved_values: taskParameters(task, { run, attempt }) }
      : {}),
    effective_performance_target: run.echo['effective_performance_target'],
    run_if: task?.runIf,
    run_id: toWireId(attempt.runId),
    original_attempt_run_id: toWireId(attempt.firstRunId),
    attempt_number: attempt.number,
    run_page_url: pageUrl(context, run.jobId, attempt.runId),
    ...stateFields(
      { lifeCycle: lifeCycleOfAttempt(attempt), ending: attempt.ending ?? attempt.stop?.ending },
      raw,
    ),
    start_time: attempt.startedAt ?? attempt.createdAt,
    end_time: attempt.endedAt ?? 0,
    ...durations(attempt),
    ...(started ? { cluster_instance: clusterInstance(attempt) } : {}),
  };
}

/** `runs/get` of a task run: the task's entry as a run of its own. */
export function taskRunFields(run: Run, attempt: Attempt, context: ViewContext): WireObject {
  return {
    ...taskFields(run, attempt, context),
    job_id: toWireId(run.jobId),
    job_run_id: toWireId(run.runId),
    number_in_job: toWireId(attempt.runId),
    run_name: attempt.taskKey,
    run_type: run.type,
    creator_user_name: USER_NAME,
    ...triggerFields(run),
    ...(attempt.number === 0 ? {} : { trigger: 'RETRY' }),
  };
}

/** One of the ways a run went: what it was before a repair, or is now. */
export function endingFields(ending: Ending): WireObject {
  return stateFields({ lifeCycle: ending.lifeCycle, ending }, undefined);
}

function triggerFields({ parent }: Run): WireObject {
  if (parent === undefined) return { trigger: 'ONE_TIME' };
  return { trigger: 'RUN_JOB_TASK', trigger_info: { run_id: toWireId(parent.taskRunId) } };
}

function lifeCycleOfRun({ phase, ending }: Run): string {
  return phase === 'ENDED' ? (ending?.lifeCycle ?? 'TERMINATED') : phase;
}

function lifeCycleOfAttempt({ phase, ending, stop }: Attempt): string {
  if (phase === 'ENDED') return ending?.lifeCycle ?? 'TERMINATED';
  return stop === undefined ? phase : 'TERMINATING';
}

/** Both state models, always: clients read the one or the other. */
function stateFields(shown: Shown, raw: RawState | undefined): WireObject {
  return raw === undefined ? { state: stateOf(shown), status: statusOf(shown) } : rawFields(shown, raw);
}

function stateOf({ lifeCycle, ending, queue }: Shown): WireObject {
  const isTerminal = ['TERMINATED', 'SKIPPED', 'INTERNAL_ERROR'].includes(lifeCycle);
  return {
    life_cycle_state: lifeCycle,
    ...(isTerminal ? { result_state: ending?.result } : {}),
    ...(queue === undefined ? {} : { queue_reason: queue.message }),
    state_message: queue?.message ?? ending?.message ?? '',
    user_cancelled_or_timedout: ending?.userStopped ?? false,
  };
}

function statusOf({ lifeCycle, ending, queue }: Shown): WireObject {
  const state = STATUS_STATES[lifeCycle] ?? lifeCycle;
  const details =
    ending === undefined ? undefined : { code: ending.code, type: ending.type, message: ending.message };
  return {
    state,
    ...(queue === undefined ? {} : { queue_details: { code: queue.code, message: queue.message } }),
    ...(['TERMINATING', 'TERMINATED'].includes(state) ? { termination_details: details } : {}),
  };
}

function rawFields(shown: Shown, raw: RawState): WireObject {
  const lifeCycle = raw.lifeCycleState ?? shown.lifeCycle;
  const base = { ...stateOf({ ...shown, lifeCycle }), state_message: raw.stateMessage ?? '' };
  const { result_state: usual, ...rest } = base as WireObject;
  const result = raw.resultState === undefined ? usual : (raw.resultState ?? undefined);
  const state = { ...rest, result_state: result };
  if (raw.statusState === null) return { state };
  const { terminationCode: code, terminationType: type } = raw;
  const details =
    code === undefined && type === undefined ? {} : { termination_details: { code, type, message: '' } };
  return {
    state,
    status: {
      ...statusOf({ lifeCycle }),
      state: raw.statusState ?? statusOf({ lifeCycle })['state'],
      ...details,
    },
  };
}

function durations({ startedAt, executionAt, terminatingAt, endedAt }: Attempt): WireObject {
  const setup = startedAt === undefined || executionAt === undefined ? 0 : executionAt - startedAt;
  const execution =
    executionAt === undefined || terminatingAt === undefined ? 0 : terminatingAt - executionAt;
  const cleanup = terminatingAt === undefined || endedAt === undefined ? 0 : endedAt - terminatingAt;
  return { setup_duration: setup, execution_duration: execution, cleanup_duration: cleanup };
}

function conditionFields(task: TaskSpec | undefined, scope: Scope): WireObject {
  const condition = task && readObject(task.body, 'condition_task');
  const outcome = scope.attempt.conditionOutcome;
  if (task === undefined || condition === undefined || outcome === undefined) return {};
  return { condition_task: { ...condition, ...parametersOf('condition_task', task, scope), outcome } };
}

/** The statistics count the latest attempt for each input only. */
function forEachFields(task: TaskSpec | undefined, { inputs, iterations = [] }: Attempt): WireObject {
  const loop = task && readObject(task.body, 'for_each_task');
  if (loop === undefined || inputs === undefined) return {};
  const latest = latestOf(iterations);
  const ended = latest.filter(hasEnded);
  const failed = ended.filter(({ ending }) => endKind(ending ?? {}) !== 'succeeded');
  const task_run_stats = {
    total_iterations: inputs.length,
    scheduled_iterations: latest.length,
    active_iterations: latest.length - ended.length,
    completed_iterations: ended.length,
    succeeded_iterations: ended.length - failed.length,
    failed_iterations: failed.length,
  };
  return { for_each_task: { ...loop, stats: { task_run_stats, error_message_stats: errorStats(failed) } } };
}

/** The three most common. */
function errorStats(failed: readonly Attempt[]): WireObject[] {
  const groups = new Map<string, Attempt[]>();
  for (const attempt of failed) {
    const message = attempt.output?.error ?? attempt.ending?.message ?? '';
    groups.set(message, [...(groups.get(message) ?? []), attempt]);
  }
  return [...groups]
    .sort(([, one], [, other]) => other.length - one.length)
    .slice(0, 3)
    .map(([error_message, some]) => ({
      error_message,
      count: some.length,
      termination_category: some[0]?.ending?.code,
    }));
}

function clusterInstance({ runId }: Attempt): WireObject {
  return { cluster_id: `0101-000000-sim${runId.slice(-5)}`, spark_context_id: `${runId}00` };
}

function pageUrl({ baseUrl }: ViewContext, jobId: string, runId: string): string {
  return `${baseUrl}/?o=${WORKSPACE_ID}#job/${jobId}/run/${runId}`;
}
