import { allHandlersFinished, condition, continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';

import type { GetResult, Observed } from '../src/connector/activity-contract';
import { ERROR_TABLE } from '../src/connector/errors';
import type { NextStep, Verdict } from '../src/connector/observation';
import { createActivity, executeActivity, getActivity, repairActivity } from './activity-proxies';
import { activeDeadlines } from './deadlines';
import { assertNotCanceled, runStep } from './steps';
import { failedEnd, type StepFailure, type TaskEnd } from './task-end';
import { toCreateRequest } from './task-input';
import type { connectorTask } from './connector-task';
import { publish, type TaskRun } from './task-run';
import { beginAttempt, boundDecision, isConsistent, observe, planNextAttempt } from './task-state';
import { toPollSummary } from './task-view';

/** Runs one external job to its end; `again` when another attempt was decided. */
export async function runAttempt(task: TaskRun): Promise<TaskEnd | 'again'> {
  if (task.state.next === undefined) {
    const ended = await submit(task);
    if (ended !== undefined) return ended;
  }
  for (let next = task.state.next; next !== undefined; next = task.state.next) {
    await continueAsNewWhenLong(task);
    const ended = await follow(task, next);
    if (ended !== undefined) return ended;
  }
  return 'again';
}

/** The durable pause that was decided before the next attempt; a nudge ends it. */
export async function pauseBeforeNextAttempt(task: TaskRun): Promise<TaskEnd | undefined> {
  const { resumeAt } = task.state;
  if (resumeAt === undefined || resumeAt <= Date.now()) return undefined;
  publish(task, { message: `next attempt at ${new Date(resumeAt).toISOString()}` });
  return sleepUntil(task, resumeAt);
}

async function sleepUntil(task: TaskRun, until: number): Promise<TaskEnd | undefined> {
  const spanMs = Math.max(1, until - Date.now());
  const outcome = await runStep(task, {
    interruptible: true,
    begin: (leftMs) => sleep(Math.min(spanMs, leftMs ?? spanMs), { summary: 'wait' }),
  });
  if (outcome.kind === 'ended') return outcome.end;
  return undefined;
}

/** Where a lost reply cannot be told from a lost request, only a request that surely never left is sent again. */
const PAUSE_BEFORE_RESUBMIT_MS = 30_000;

async function submit(task: TaskRun): Promise<TaskEnd | undefined> {
  assertNotCanceled();
  task.state = beginAttempt(task.state, Date.now());
  for (;;) {
    const outcome = await runStep(task, { interruptible: false, begin: (spanMs) => create(task, spanMs) });
    if (outcome.kind === 'ok') return note(task, outcome.value, outcome.value.posts);
    if (outcome.kind === 'ended') return outcome.end;
    if (outcome.kind === 'failed') {
      const { code, posts = 0 } = outcome.failure;
      const neverLeft = ERROR_TABLE[code].retryable && posts === 0;
      if (!neverLeft) return rejected(task, outcome.failure);
      const expired = await sleepUntil(task, Date.now() + PAUSE_BEFORE_RESUBMIT_MS);
      if (expired !== undefined) return expired;
    }
  }
}

function create(task: TaskRun, spanMs: number | undefined): ReturnType<ReturnType<typeof createActivity>> {
  const summary = `submit · attempt ${task.state.attempt}`;
  const request = toCreateRequest(task.input, task.state);
  return createActivity(task.input.routing, { summary, ...span(spanMs) })({ ...callOf(task), request });
}

/** A clear rejection started nothing; after an unanswered request the job may exist all the same. */
function rejected(task: TaskRun, failure: StepFailure): TaskEnd | undefined {
  if (failure.code === 'OUTCOME_UNKNOWN') {
    const decision = { action: 'fail', reason: 'it is not known whether the job ran' } as const;
    task.state = { ...task.state, mayBeRunning: false };
    return conclude(
      task,
      { kind: 'failed', code: failure.code, cause: 'unknown', decision },
      failure.message,
    );
  }
  return failedEnd(failure.code, failure.message, (failure.posts ?? 0) > 1 ? 'stop' : 'leave');
}

/** Does what the last observation says; an end when the task is over, nothing when there is a new observation. */
async function follow(task: TaskRun, next: NextStep): Promise<TaskEnd | undefined> {
  switch (next.kind) {
    case 'done':
      return concludeOrRepair(task, next.verdict);
    case 'sleep': {
      const expired = await sleepUntil(task, next.until);
      return expired ?? look(task, { kind: 'poll', ...profileOf(next) });
    }
    case 'poll':
      return look(task, next);
    case 'execute':
      return execute(task, next);
    default:
      return next satisfies never;
  }
}

type PollStep = Extract<NextStep, { kind: 'poll' }>;
type ExecuteStep = Extract<NextStep, { kind: 'execute' }>;

async function look(task: TaskRun, next: PollStep): Promise<TaskEnd | undefined> {
  const outcome = await runStep(task, { interruptible: true, begin: (spanMs) => get(task, next, spanMs) });
  task.lookedAt = outcome.kind === 'ok' ? Date.now() : undefined;
  switch (outcome.kind) {
    case 'ok':
      return noteLook(task, outcome.value);
    case 'interrupted':
      return undefined;
    case 'ended':
      return outcome.end;
    case 'failed':
      return failedEnd(outcome.failure.code, outcome.failure.message, 'stop');
    default:
      return outcome satisfies never;
  }
}

function get(task: TaskRun, next: PollStep, spanMs: number | undefined): Promise<GetResult> {
  const { state, input } = task;
  const { meta = {}, resource, trouble } = state;
  const step = { summary: toPollSummary(state), ...span(spanMs), ...profileOf(next) };
  const deadlineAt = activeDeadlines(input.policy, state)[0]?.at;
  return getActivity(
    input.routing,
    step,
  )({
    ...callOf(task),
    meta,
    seen: { phase: resource.phase, linkUris: (resource.logLinks ?? []).map((link) => link.uri), meta },
    submittedAt: state.attempts[state.attempt - 1]?.submittedAt ?? state.startedAt,
    policy: input.policy,
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(trouble === undefined ? {} : { trouble }),
    externalId: state.attempts[state.attempt - 1]?.externalId ?? '',
    ...(task.lookedAt === undefined ? {} : { lookedAt: task.lookedAt }),
  });
}

function noteLook(task: TaskRun, result: GetResult): TaskEnd | undefined {
  switch (result.kind) {
    case 'changed':
      return note(task, result);
    case 'trouble':
      task.state = { ...task.state, trouble: result.trouble };
      publish(task, { code: result.trouble.code });
      return undefined;
    case 'gaveUp': {
      task.state = { ...task.state, trouble: result.trouble };
      const { code, message, since } = result.trouble;
      const text = `out of reach since ${new Date(since).toISOString()} (${message}); the job was left alone and may still run`;
      return failedEnd(code, text, 'leave');
    }
    default:
      return result satisfies never;
  }
}

async function execute(task: TaskRun, next: ExecuteStep): Promise<TaskEnd | undefined> {
  const { meta = {} } = task.state;
  const outcome = await runStep(task, {
    interruptible: false,
    begin: (spanMs) => {
      const step = { summary: toPollSummary(task.state), ...span(spanMs), ...profileOf(next) };
      return executeActivity(task.input.routing, step)({ ...callOf(task), meta });
    },
  });
  if (outcome.kind === 'ok') return note(task, outcome.value);
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind === 'failed') return failedEnd(outcome.failure.code, outcome.failure.message, 'stop');
  return undefined;
}

function note(task: TaskRun, seen: Observed, posts?: number): TaskEnd | undefined {
  const { observation, externalId } = seen;
  if (!isConsistent(observation)) {
    const { phase } = observation.resource;
    return failedEnd('INTERNAL', `the connector says ${observation.next.kind} in phase ${phase}`, 'stop');
  }
  task.state = observe(task.state, {
    observation,
    externalId,
    now: Date.now(),
    ...(posts === undefined ? {} : { posts }),
  });
  if (observation.next.kind !== 'done') publish(task);
  return undefined;
}

async function concludeOrRepair(task: TaskRun, verdict: Verdict): Promise<TaskEnd | undefined> {
  if (verdict.kind !== 'failed' || verdict.decision.action !== 'repair') return conclude(task, verdict);
  return repair(task);
}

function conclude(task: TaskRun, verdict: Verdict, message?: string): TaskEnd | undefined {
  if (verdict.kind === 'succeeded') return { kind: 'succeeded' };
  const decision = boundDecision(task.input.policy, task.state, verdict);
  task.state = planNextAttempt(task.state, decision, Date.now());
  if (decision.action !== 'fail') return undefined;
  return failedEnd(verdict.code, message ?? task.state.resource.message ?? verdict.code, 'leave');
}

/** Repairs the ended job in place: same attempt, same task. */
async function repair(task: TaskRun, options = {}): Promise<TaskEnd | undefined> {
  const { meta = {} } = task.state;
  const request = toCreateRequest(task.input, task.state);
  const outcome = await runStep(task, {
    interruptible: false,
    begin: (spanMs) =>
      repairActivity(task.input.routing, { summary: 'repair', ...span(spanMs) })({
        ...callOf(task),
        meta,
        request,
        options,
      }),
  });
  if (outcome.kind === 'ok') return note(task, outcome.value);
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind === 'failed') return failedEnd(outcome.failure.code, outcome.failure.message, 'stop');
  return undefined;
}

/** Continues with a fresh history when the server advises it, never while a cancel or an update is under way. */
async function continueAsNewWhenLong(task: TaskRun): Promise<void> {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  const limit = task.input.continueAfterEvents ?? Number.POSITIVE_INFINITY;
  if (!continueAsNewSuggested && historyLength < limit) return;
  await condition(allHandlersFinished);
  if (task.state.next?.kind === 'done') return;
  await continueAsNew<typeof connectorTask>({ ...task.input, carried: task.state });
}

function callOf(
  task: TaskRun,
): Pick<Parameters<ReturnType<typeof executeActivity>>[0], 'taskCategory' | 'taskExecution'> {
  const { template, taskExecution } = task.input;
  const taskCategory = { name: template.type, version: template.version };
  return taskExecution === undefined ? { taskCategory } : { taskCategory, taskExecution };
}

function span(spanMs: number | undefined): { scheduleToCloseMs?: number } {
  return spanMs === undefined ? {} : { scheduleToCloseMs: spanMs };
}

function profileOf(next: Pick<PollStep, 'profile'>): Pick<PollStep, 'profile'> {
  return next.profile === undefined ? {} : { profile: next.profile };
}
