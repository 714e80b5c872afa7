import { admit } from './admission';
import { startJobRun } from './job-runs';
import type { EngineOptions } from './engine-options';
import { AT_ONCE } from './due-queue';
import { badDefinition } from './endings';
import { isActive, type Run } from './model';
import { endUnstarted, stepRun } from './scheduler';
import type { StepContext } from './step';
import { requestCancel } from './stops';

/** While a program runs, it is looked at so often, in real time. */
const POLL_MS = 25;

/**
 * Brings the workspace to the present: what is due happens in the order and at the times it was due, whenever this is
 * called. It costs what has to be done, whatever else is open. Returns whether anything changed.
 */
export function advance(engine: EngineOptions): boolean {
  const { workspace, clock } = engine;
  const present = clock.now();
  let changed = false;
  for (
    let due = workspace.book.due.take(present);
    due !== undefined;
    due = workspace.book.due.take(present)
  ) {
    const now = due.at === AT_ONCE || runsPrograms(due.item) ? present : due.at;
    changed = lookAt(due.item, { engine, now }) || changed;
  }
  return changed;
}

interface Moment {
  readonly engine: EngineOptions;
  readonly now: number;
}

/** A program ends when it ends: only the present can tell. */
function runsPrograms({ attempts }: Run): boolean {
  return attempts.some(({ process, phase, iterations = [] }) =>
    [{ process, phase }, ...iterations].some((one) => one.process === true && one.phase === 'RUNNING'),
  );
}

function lookAt(run: Run, { engine, now }: Moment): boolean {
  const { book } = engine.workspace;
  const dues = new Set<number>();
  const isWaiting = run.phase === 'QUEUED' && run.cancelRequestedAt === undefined;
  const changed = isWaiting ? admit(run, engine, now) : stepSafely(run, contextOf({ engine, now }, dues));
  const isFree = book.file(run);
  if (isActive(run) && dues.size > 0) book.due.set(run, Math.min(...dues));
  if (!isActive(run)) tellParent(run, engine);
  if (isFree) admitQueued({ engine, now });
  return changed;
}

/** A definition that only shows its fault when it is run must not take the workspace down with it. */
function stepSafely(run: Run, context: StepContext): boolean {
  try {
    return stepRun(run, context);
  } catch (error) {
    endUnstarted(run, badDefinition(error instanceof Error ? error.message : String(error)), context.now);
    return true;
  }
}

function contextOf({ engine, now }: Moment, dues: Set<number>): StepContext {
  const { workspace, python, timing, failureShape, clock } = engine;
  return {
    now,
    timing,
    python,
    failureShape,
    outcomes: workspace.outcomes,
    newId: workspace.newId,
    nextPollAt: clock.now() + POLL_MS * clock.state().speed,
    isDue: (at) => {
      if (now < at && Number.isFinite(at)) dues.add(at);
      return now >= at;
    },
    forgetDues: () => {
      dues.clear();
    },
    startChild: (step, request) => startJobRun(request, { engine, now, step }),
    findRun: (runId) => workspace.runs.get(runId),
    cancelRun: (run, at) => {
      requestCancel(run, at);
      workspace.book.touch(run);
    },
  };
}

function tellParent({ parent, endedAt }: Run, { workspace }: EngineOptions): void {
  const waiting = parent === undefined ? undefined : workspace.runs.get(parent.runId);
  if (waiting !== undefined && isActive(waiting)) workspace.book.due.set(waiting, endedAt ?? AT_ONCE);
}

function admitQueued({ engine, now }: Moment): void {
  for (const run of [...engine.workspace.book.queued]) {
    if (run.cancelRequestedAt === undefined) admit(run, engine, now);
  }
}
