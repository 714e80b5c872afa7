import {
  MESSAGE_LIMIT,
  shorten,
  type CallContext,
  type JsonObject,
  type LogLink,
  type Observation,
} from '../../connector';
import type { Run } from './databricks-api';
import { readCauses, tryReadOutput } from './databricks-causes';
import type { DatabricksClient } from './databricks-client';
import { causesToJson, describeFailure, type FailureCauseDetail } from './databricks-failure';
import { compact, numberAt, textAt } from './databricks-json';
import { judgingOf } from './databricks-judging';
import type { DatabricksJobMetadata } from './databricks-metadata';
import { KEPT_OUTPUTS, readOutputs } from './databricks-outputs';
import { mapRunState, readRunState, type RunState, type RunStateView } from './databricks-state';
import { countSkipped, countTasks, readTaskRuns, rootFailures, type TaskRun } from './databricks-tasks';

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
  const reader = { client, call };
  const causes = isFailed ? await readCauses(failures, reader) : [];
  const wantsOutputs = view.verdict?.kind === 'succeeded' && meta.flyte !== true;
  const kept = wantsOutputs
    ? await readOutputs(tasks, (task) => tryReadOutput(task, reader), KEPT_OUTPUTS)
    : NO_OUTPUTS;
  const message = isFailed
    ? describeFailure(causes, failures.length, withSkipped(view.message, tasks))
    : describeProgress(view, tasks, run.isPartial);
  return {
    meta,
    resource: {
      phase: view.phase,
      message: shorten(message, MESSAGE_LIMIT),
      logLinks: logLinksOf(client.workspace.host, meta.runId, run.raw),
      customInfo: {
        ...customInfoOf(run.raw, { state, tasks, causes, outputsUnread: kept.unread }),
        ...versionOf(run),
        ...(view.isWarning === true ? { warning: view.message } : {}),
      },
      ...(Object.keys(kept.outputs).length === 0 ? {} : { outputs: kept.outputs }),
    },
    next: view.verdict === undefined ? { kind: 'poll' } : { kind: 'done', verdict: view.verdict },
  };
}

const NO_OUTPUTS = { outputs: {}, unread: 0 } as const;

/** What followed from the failures comes behind them. */
function withSkipped(stateWords: string, tasks: readonly TaskRun[]): string {
  const skipped = countSkipped(tasks);
  if (skipped === 0) return stateWords;
  return `${skipped} ${skipped === 1 ? 'task was' : 'tasks were'} skipped because of that\n${stateWords}`;
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
    readonly outputsUnread: number;
  },
): JsonObject {
  const { state, tasks, causes, outputsUnread } = seen;
  const { done, total } = countTasks(tasks);
  const skipped = countSkipped(tasks);
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
    tasks_skipped: skipped === 0 ? undefined : skipped,
    outputs_unread: outputsUnread === 0 ? undefined : outputsUnread,
    ...Object.fromEntries(DURATIONS.map((key) => [key, numberAt(raw, key)])),
    causes: causes.length === 0 ? undefined : causesToJson(causes),
  });
}

/** Said where it is not the usual one: beyond 100 tasks 2.1 cannot read a run. */
function versionOf({ apiVersion }: Run): JsonObject {
  return apiVersion === '2.2' ? {} : { api_version: apiVersion };
}

function limited(text: string | undefined): string | undefined {
  return text === undefined ? undefined : shorten(text, 300);
}
