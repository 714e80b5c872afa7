import { LonghaulError, type CallContext, type JsonObject } from '../../connector';
import { readRun, readTaskOutput } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { MOST_CAUSES, toFailureCause, type FailureCauseDetail } from './databricks-failure';
import { objectAt, objectsAt, textAt } from './databricks-json';
import { readTaskRuns, rootFailures, type TaskRun } from './databricks-tasks';

/** A job may run a job that runs a job: the cause is looked for so many levels down. */
const DEEPEST_LEVEL = 3;

/** Everything a look into a run needs. */
export interface RunReader {
  readonly client: DatabricksClient;
  readonly call: CallContext;
}

/** Why the first tasks failed, the first one first: each with its own words, or those of the run it had started. */
export function readCauses(failures: readonly TaskRun[], reader: RunReader): Promise<FailureCauseDetail[]> {
  return Promise.all(failures.slice(0, MOST_CAUSES).map((task) => readCause(task, reader, DEEPEST_LEVEL)));
}

async function readCause(task: TaskRun, reader: RunReader, levels: number): Promise<FailureCauseDetail> {
  const output = await tryReadOutput(task, reader);
  const inner = levels === 0 ? undefined : await findInnerFailure(task, output, reader);
  if (inner === undefined) return toFailureCause(task, output);
  const cause = await readCause(inner, reader, levels - 1);
  return { ...cause, taskKey: `${task.taskKey}/${cause.taskKey}` };
}

/** The task that failed first inside of this one: of the run it started, or of its iterations. */
async function findInnerFailure(
  task: TaskRun,
  output: JsonObject | undefined,
  reader: RunReader,
): Promise<TaskRun | undefined> {
  const childId = textAt(objectAt(output ?? {}, 'run_job_output'), 'run_id');
  if (childId !== undefined) return firstFailureOf(childId, reader, 'tasks');
  const isLoop = task.raw['for_each_task'] !== undefined && task.runId !== undefined;
  return isLoop ? firstFailureOf(task.runId, reader, 'iterations') : undefined;
}

function firstFailureOf(
  runId: string,
  reader: RunReader,
  members: 'tasks' | 'iterations',
): Promise<TaskRun | undefined> {
  return unlessUnreadable(reader, runId, async () => {
    const { client, call } = reader;
    const run = await readRun(client, runId, call);
    // Only the first page of iterations: its failures come first in time where they come at all.
    const entries = members === 'tasks' ? run.tasks : objectsAt(run.raw, 'iterations');
    return rootFailures(readTaskRuns(entries))[0];
  });
}

/** The output of a task; undefined where there is none to be read. */
export async function tryReadOutput(task: TaskRun, reader: RunReader): Promise<JsonObject | undefined> {
  const { runId, taskKey } = task;
  if (runId === undefined) return undefined;
  return unlessUnreadable(reader, taskKey, () => readTaskOutput(reader.client, runId, reader.call));
}

/** What cannot be read must not hide that the run has ended; cancellation still goes first. */
async function unlessUnreadable<T>(
  { call }: RunReader,
  what: string,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    call.signal.throwIfAborted();
    call.logger.warn('The output of a Databricks task could not be read.', {
      taskKey: what,
      reason: LonghaulError.from(thrown).message,
    });
    return undefined;
  }
}
