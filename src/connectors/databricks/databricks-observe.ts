import {
  LonghaulError,
  MESSAGE_LIMIT,
  type CallContext,
  type JsonObject,
  type LogLink,
  type Observation,
} from '../../connector';
import { readTaskOutput, type Run } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import {
  causesToJson,
  describeFailure,
  MOST_CAUSES,
  toFailureCause,
  type FailureCauseDetail,
} from './databricks-failure';
import { compact, numberAt, objectAt, shorten, textAt } from './databricks-json';
import { judgingOf } from './databricks-judging';
import type { DatabricksJobMetadata } from './databricks-metadata';
import { mapRunState, readRunState, type RunState, type RunStateView } from './databricks-state';
import { countTasks, latestAttempts, readTaskRuns, rootFailures, type TaskRun } from './databricks-tasks';

/** What {@link observeRun} looks at. */
export interface ObservedRun {
  readonly client: DatabricksClient;
  readonly meta: DatabricksJobMetadata;
  readonly run: Run;
}

/** Turns a run into an observation; reads task outputs only when it has ended, for causes or results. */
export async function observeRun(observed: ObservedRun, call: CallContext): Promise<Observation> {
  const { run, meta, client } = observed;
  const state = readRunState(run.raw);
  const tasks = readTaskRuns(run.tasks);
  const failures = rootFailures(tasks);
  const failedStates = failures.map((task) => task.state);
  const view = mapRunState(state, failedStates, judgingOf(run, tasks, call));
  const isFailed = view.verdict?.kind === 'failed';
  const causes = isFailed ? await readCauses(client, failures.slice(0, MOST_CAUSES), call) : [];
  const wantsOutputs = view.verdict?.kind === 'succeeded' && meta.flyte !== true;
  const outputs = wantsOutputs ? await readNotebookResults(client, tasks, call) : undefined;
  const message = isFailed
    ? describeFailure(causes, failures.length, view.message)
    : describeProgress(view, tasks, run.isPartial);
  return {
    meta,
    resource: {
      phase: view.phase,
      message: shorten(message, MESSAGE_LIMIT),
      logLinks: logLinksOf(client.workspace.host, meta.runId, run.raw),
      customInfo: {
        ...customInfoOf(run.raw, { state, tasks, causes }),
        ...(view.isWarning === true ? { warning: view.message } : {}),
      },
      ...(outputs === undefined ? {} : { outputs }),
    },
    next: view.verdict === undefined ? { kind: 'poll' } : { kind: 'done', verdict: view.verdict },
  };
}

/** Such as `RUNNING: 3 of 40 tasks done`; a single task needs no count. */
function describeProgress(view: RunStateView, tasks: readonly TaskRun[], isPartial: boolean): string {
  const { done, total } = countTasks(tasks);
  if (view.isTerminal || total < 2) return view.message;
  const counted = `${done} of ${total} tasks done${isPartial ? ' (not all tasks could be read)' : ''}`;
  return view.message.includes(': ') ? `${view.message} (${counted})` : `${view.message}: ${counted}`;
}

/** Flyte's link, which needs the job id; until that is known, Databricks' own page. */
function logLinksOf(host: string, runId: string, raw: JsonObject): readonly LogLink[] {
  const jobId = textAt(raw, 'job_id');
  const page = textAt(raw, 'run_page_url');
  const uri = jobId === undefined ? page : `${host}/#job/${jobId}/run/${runId}`;
  return uri === undefined ? [] : [{ name: 'Databricks Console', uri }];
}

function readCauses(
  client: DatabricksClient,
  failures: readonly TaskRun[],
  call: CallContext,
): Promise<FailureCauseDetail[]> {
  return Promise.all(
    failures.map(async (task) => toFailureCause(task, await tryReadOutput(client, task, call))),
  );
}

/** An output that cannot be read must not hide that the run has ended; cancellation still goes first. */
async function tryReadOutput(
  client: DatabricksClient,
  task: TaskRun,
  call: CallContext,
): Promise<JsonObject | undefined> {
  if (task.runId === undefined) return undefined;
  try {
    return await readTaskOutput(client, task.runId, call);
  } catch (thrown) {
    call.signal.throwIfAborted();
    call.logger.warn('The output of a Databricks task could not be read.', {
      taskKey: task.taskKey,
      reason: LonghaulError.from(thrown).message,
    });
    return undefined;
  }
}

/** Beyond this many notebooks the results cost more requests than they are worth. */
const MOST_NOTEBOOKS = 10;
/** A workflow's result is kept in its history: a notebook may return 5 MB, which is not for there. */
const LONGEST_RESULT = 16_384;

/** What each notebook gave to `dbutils.notebook.exit()`, by task key. */
async function readNotebookResults(
  client: DatabricksClient,
  tasks: readonly TaskRun[],
  call: CallContext,
): Promise<JsonObject | undefined> {
  const notebooks = latestAttempts(tasks).filter(({ raw }) => raw['notebook_task'] !== undefined);
  if (notebooks.length === 0 || notebooks.length > MOST_NOTEBOOKS) return undefined;
  const results = await Promise.all(
    notebooks.map(async (task) => {
      const output = objectAt((await tryReadOutput(client, task, call)) ?? {}, 'notebook_output');
      const { result } = output;
      if (typeof result !== 'string') return undefined;
      const isCut = result.length > LONGEST_RESULT || output['truncated'] === true;
      const shown: JsonObject = { result: shorten(result, LONGEST_RESULT), truncated: isCut };
      return [task.taskKey, shown] as const;
    }),
  );
  const given = results.filter((entry) => entry !== undefined);
  return given.length === 0 ? undefined : { tasks: Object.fromEntries(given) };
}

const DURATIONS = [
  'start_time',
  'end_time',
  'queue_duration',
  'setup_duration',
  'execution_duration',
  'cleanup_duration',
  'run_duration',
] as const;

/** The vendor's own facts, under the vendor's own names. */
function customInfoOf(
  raw: JsonObject,
  seen: {
    readonly state: RunState;
    readonly tasks: readonly TaskRun[];
    readonly causes: readonly FailureCauseDetail[];
  },
): JsonObject {
  const { state, tasks, causes } = seen;
  const { done, total } = countTasks(tasks);
  return compact({
    run_id: textAt(raw, 'run_id'),
    job_id: textAt(raw, 'job_id'),
    run_page_url: textAt(raw, 'run_page_url'),
    life_cycle_state: state.lifeCycle,
    result_state: state.result,
    state: state.status,
    code: state.terminationCode,
    type: state.terminationType,
    state_message: limited(state.stateMessage),
    termination_message: limited(state.terminationMessage),
    queue_code: state.queueCode,
    tasks: total,
    tasks_done: done,
    ...Object.fromEntries(DURATIONS.map((key) => [key, numberAt(raw, key)])),
    causes: causes.length === 0 ? undefined : causesToJson(causes),
  });
}

function limited(text: string | undefined): string | undefined {
  return text === undefined ? undefined : shorten(text, 300);
}
