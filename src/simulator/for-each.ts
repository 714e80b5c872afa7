import { finish } from './attempt-steps';
import { badDefinition, SUCCEEDED, timedOut, WORKLOAD_FAILED } from './endings';
import { hasEnded, type Attempt, type Ending, type TaskSpec } from './model';
import { resolveText } from './references';
import { isRetried, retryOf } from './retries';
import { endKind } from './run-if';
import type { Step } from './step';
import { stopAttempt } from './stops';
import { parseWireJson, readInteger, readObject, readText, type WireValue } from './wire-json';

interface Loop extends Step {
  readonly nested: TaskSpec;
  readonly inputs: readonly WireValue[];
  readonly iterations: Attempt[];
}

/**
 * Runs the nested task for each input, so many at a time as `concurrency` allows, in order. A failed iteration does not
 * keep the others from running; it fails the task once all have ended.
 */
export function stepForEach(step: Step, stepNested: (step: Step) => boolean): boolean {
  const { attempt, task, context } = step;
  const startedAt = attempt.executionAt ?? context.now;
  const loop = openLoop(step);
  if (loop === undefined) {
    return finish(
      step,
      badDefinition(`The inputs of for-each task ${task.key} are no JSON array.`),
      startedAt,
    );
  }
  stopIfDue(loop);
  let changed = startIterations(loop, startedAt);
  for (const iteration of latestOf(loop.iterations)) {
    if (!hasEnded(iteration)) changed = stepIteration(loop, iteration, stepNested) || changed;
  }
  return endIfAllHave(loop, startedAt) || changed;
}

/** The latest attempt for each input. */
export function latestOf(iterations: readonly Attempt[]): Attempt[] {
  return [...new Map(iterations.map((attempt) => [attempt.input?.index, attempt])).values()];
}

function openLoop(step: Step): Loop | undefined {
  const { attempt, task } = step;
  const { nested } = task;
  const inputs = attempt.inputs ?? readInputs(step);
  if (inputs === undefined || nested === undefined) return undefined;
  attempt.inputs = inputs;
  const iterations = (attempt.iterations ??= []);
  return { ...step, nested, inputs, iterations };
}

function readInputs({ run, task, attempt }: Step): readonly WireValue[] | undefined {
  const text = resolveText(readText(readObject(task.body, 'for_each_task') ?? {}, 'inputs') ?? '', {
    run,
    attempt,
  });
  try {
    const inputs = parseWireJson(text);
    return Array.isArray(inputs) ? (inputs as readonly WireValue[]) : undefined;
  } catch {
    return undefined;
  }
}

function stopIfDue({ attempt, task, context, iterations }: Loop): void {
  const timeoutAt = (attempt.startedAt ?? attempt.createdAt) + task.timeoutMs;
  if (task.timeoutMs > 0 && context.isDue(timeoutAt)) {
    stopAttempt(attempt, timedOut(task.timeoutMs), timeoutAt);
  }
  if (attempt.stop === undefined) return;
  for (const iteration of iterations) stopAttempt(iteration, attempt.stop.ending, attempt.stop.at);
}

function startIterations(loop: Loop, startedAt: number): boolean {
  const { attempt, task, inputs, iterations, nested, context } = loop;
  if (attempt.stop !== undefined) return false;
  const concurrency = Math.max(
    1,
    readInteger(readObject(task.body, 'for_each_task') ?? {}, 'concurrency') ?? 1,
  );
  const latest = latestOf(iterations);
  const ended = latest.filter(hasEnded);
  const room = concurrency - (latest.length - ended.length);
  const next = inputs.slice(latest.length, latest.length + room);
  const at =
    latest.length < concurrency
      ? startedAt
      : Math.max(startedAt, ...ended.map(({ endedAt }) => endedAt ?? 0));
  for (const [offset, value] of next.entries()) {
    const input = { index: latest.length + offset, value };
    iterations.push(iterationOf(nested, { input, at, runId: context.newId() }));
  }
  return next.length > 0;
}

interface NewIteration {
  readonly input: { readonly index: number; readonly value: WireValue };
  readonly at: number;
  readonly runId: string;
}

function iterationOf({ key }: TaskSpec, { input, at, runId }: NewIteration): Attempt {
  const common = { runId, taskKey: key, number: 0, firstRunId: runId, input };
  return { ...common, createdAt: at, phase: 'PENDING', startedAt: at };
}

function stepIteration(loop: Loop, iteration: Attempt, stepNested: (step: Step) => boolean): boolean {
  const { run, nested, context, attempt, iterations } = loop;
  const changed = stepNested({ run, task: nested, attempt: iteration, context });
  const isAgain = hasEnded(iteration) && attempt.stop === undefined && isRetried(nested, iteration);
  if (isAgain) iterations.push(retryOf(nested, iteration, context.newId()));
  return changed;
}

function endIfAllHave(loop: Loop, startedAt: number): boolean {
  const { attempt, inputs, iterations } = loop;
  const latest = latestOf(iterations);
  const isComplete = attempt.stop !== undefined || latest.length === inputs.length;
  if (!isComplete || !latest.every(hasEnded)) return false;
  const endedAt = Math.max(
    startedAt,
    attempt.stop?.at ?? 0,
    ...latest.map((iteration) => iteration.endedAt ?? 0),
  );
  return finish(loop, attempt.stop?.ending ?? endingOf(latest), endedAt);
}

function endingOf(latest: readonly Attempt[]): Ending {
  const failed = latest.filter(({ ending }) => ending !== undefined && endKind(ending) !== 'succeeded');
  if (failed.length === 0) return SUCCEEDED;
  return { ...WORKLOAD_FAILED, message: `${failed.length} of ${latest.length} iterations did not succeed.` };
}
