import { LonghaulError, type JsonObject, type LogsPage, type LogsRequest } from '../../connector';
import { objectAt, textAt } from './databricks-json';
import {
  createPage,
  cutLine,
  lastWithin,
  splitLines,
  toLimit,
  type PageBuilder,
} from './databricks-log-page';
import {
  markOf,
  parsePageToken,
  resumeAt,
  toPageToken,
  type LogPosition,
  type TaskPosition,
} from './databricks-log-position';
import { isTerminalState } from './databricks-state';
import { assertTasksOf, isSkippedState, type TaskRun } from './databricks-tasks';

/** Reads the output of one task run; undefined while there is none. */
export type LogReader = (taskRunId: string) => Promise<JsonObject | undefined>;

/** One page asks for at most this many outputs, so that a run of a thousand tasks cannot hold a worker. */
const MOST_OUTPUTS = 50;

interface TaskLog {
  readonly lines: readonly string[];
  readonly truncated: boolean;
}

interface LogSource {
  readonly tasks: readonly TaskRun[];
  readonly read: LogReader;
  readonly limit: number;
  readonly label: (task: TaskRun) => string;
}

/** The tasks that a request asks for. @throws INVALID_TASK when there is none of that name. */
export function selectTasks(tasks: readonly TaskRun[], request: LogsRequest): readonly TaskRun[] {
  const { task, attempt } = request;
  const named = task === undefined ? tasks : tasks.filter(({ taskKey }) => taskKey === task);
  if (task !== undefined) assertTasksOf(tasks, [task], 'task');
  return attempt === undefined ? named : named.filter((one) => one.attempt === attempt);
}

/**
 * A page of what the tasks printed, in the order they started: the last lines without a token, else from the token on.
 * A task that has no output yet gives no lines. The token at the end goes on with whatever is printed later, also by
 * tasks and attempts that have not begun yet.
 * @throws INVALID_TASK for a token that is not ours.
 */
export function readLogsPage(
  tasks: readonly TaskRun[],
  request: LogsRequest,
  read: LogReader,
): Promise<LogsPage> {
  const source = { tasks, read, limit: toLimit(request.limit), label: labelerFor(tasks, request) };
  return request.pageToken === undefined
    ? readTail(source)
    : readForward(source, parsePageToken(request.pageToken));
}

/** From the last task backwards, until the page is full; tasks that still run are read for their place alone. */
async function readTail(source: LogSource): Promise<LogsPage> {
  const { tasks, limit, label } = source;
  const position = new Map<string, TaskPosition>();
  let lines: string[] = [];
  let truncated = false;
  let outputs = 0;
  for (const task of [...tasks].reverse()) {
    const isWanted = lines.length < limit && mayHaveOutput(task);
    const isOpen = mayHaveOutput(task) && !isTerminalState(task.state);
    if (outputs === MOST_OUTPUTS || !(isWanted || isOpen)) {
      truncated ||= isWanted;
      markDone(position, task);
      continue;
    }
    outputs += 1;
    const log = await readTaskLog(task, source.read);
    notePlace(position, task, { log, line: log.lines.length });
    truncated ||= isWanted && log.truncated;
    if (isWanted) lines = [...log.lines.map((line) => label(task) + line), ...lines];
  }
  return { lines: lastWithin(lines, limit), truncated, atEnd: true, nextPageToken: toPageToken(position) };
}

async function readForward(source: LogSource, from: LogPosition): Promise<LogsPage> {
  const { tasks, limit, label } = source;
  const page = createPage(limit);
  const position = new Map(from);
  let truncated = false;
  let outputs = 0;
  let isMore = false;
  for (const task of inReadingOrder(tasks, from)) {
    if (!mayHaveOutput(task)) {
      markDone(position, task);
      continue;
    }
    if (page.isFull() || outputs === MOST_OUTPUTS) {
      isMore = true;
      continue;
    }
    outputs += 1;
    const log = await readTaskLog(task, source.read);
    const start = resumeAt(log.lines, from.get(task.runId ?? ''));
    const line = fill(page, { lines: log.lines, label: label(task), start });
    notePlace(position, task, { log, line });
    isMore ||= line < log.lines.length;
    truncated ||= log.truncated;
  }
  return {
    lines: page.lines,
    truncated,
    nextPageToken: toPageToken(position),
    ...(isMore ? {} : { atEnd: true }),
  };
}

/**
 * What has ended and was begun is read to its end first, then what was never read, by its start; last what still runs,
 * the one that was read longest ago first, so that none is left out where there are more than a page asks for.
 */
function inReadingOrder(tasks: readonly TaskRun[], from: LogPosition): TaskRun[] {
  const places = new Map([...from.keys()].map((runId, place) => [runId, place]));
  const rank = (task: TaskRun): number => {
    const place = places.get(task.runId ?? '');
    if (place === undefined) return 0;
    return isTerminalState(task.state) ? -1 : 1 + place;
  };
  return tasks
    .filter(({ runId }) => from.get(runId ?? '')?.kind !== 'done')
    .sort((a, b) => rank(a) - rank(b)); // stable: the order of start stays
}

interface Filling {
  readonly lines: readonly string[];
  readonly label: string;
  readonly start: number;
}

/** @returns the first line that did not fit. */
function fill(page: PageBuilder, { lines, label, start }: Filling): number {
  let line = start;
  while (line < lines.length && page.add(`${label}${lines[line] ?? ''}`)) line += 1;
  return line;
}

/** Moves the task to the end, which tells what was read longest ago. */
function notePlace(
  position: Map<string, TaskPosition>,
  task: TaskRun,
  { log, line }: { readonly log: TaskLog; readonly line: number },
): void {
  const { runId } = task;
  if (runId === undefined) return;
  position.delete(runId);
  const isDone = isTerminalState(task.state) && line === log.lines.length;
  position.set(runId, isDone ? { kind: 'done' } : { kind: 'open', line, mark: markOf(log.lines, line) });
}

function markDone(position: Map<string, TaskPosition>, { runId, state }: TaskRun): void {
  if (runId !== undefined && isTerminalState(state)) position.set(runId, { kind: 'done' });
}

/** A task that waits, or was skipped, has never run anything. */
function mayHaveOutput({ state, runId }: TaskRun): boolean {
  if (runId === undefined || !/^\d+$/.test(runId)) return false;
  const { lifeCycle } = state;
  const isWaiting = lifeCycle === 'BLOCKED' || lifeCycle === 'QUEUED' || lifeCycle === 'PENDING';
  return !isWaiting && !isSkippedState(state);
}

async function readTaskLog(task: TaskRun, read: LogReader): Promise<TaskLog> {
  const output = task.runId === undefined ? undefined : await read(task.runId);
  if (output === undefined) return { lines: [], truncated: false };
  const notebook = objectAt(output, 'notebook_output');
  const text = textAt(output, 'logs') ?? textAt(notebook, 'result') ?? errorOf(output);
  return {
    lines: splitLines(text ?? '').map(cutLine),
    truncated: output['logs_truncated'] === true || notebook['truncated'] === true,
  };
}

/** Logs hold the trace already; only task types without logs need it from here. */
function errorOf(output: JsonObject): string | undefined {
  const [error, trace] = [textAt(output, 'error'), textAt(output, 'error_trace')];
  return error === undefined && trace === undefined ? undefined : [error, trace].filter(Boolean).join('\n');
}

/** Says what the reader has not asked for by name; the same from the first page to the last. */
function labelerFor(tasks: readonly TaskRun[], request: LogsRequest): (task: TaskRun) => string {
  const hasSeveral = new Set(tasks.map(({ taskKey }) => taskKey)).size > 1;
  return ({ taskKey, attempt }) => {
    const words = [
      ...(hasSeveral ? [taskKey] : []),
      ...(attempt > 0 && request.attempt === undefined ? [`attempt ${attempt}`] : []),
    ];
    return words.length === 0 ? '' : `[${words.join(' ')}] `;
  };
}

/** What Databricks says of an output that is not there (yet): not an error for somebody who looks at logs. */
export function isMissingOutput(thrown: unknown): boolean {
  if (!(thrown instanceof LonghaulError)) return false;
  return thrown.code === 'INTERNAL' || thrown.code === 'NOT_FOUND' || thrown.code === 'RUN_GONE';
}
