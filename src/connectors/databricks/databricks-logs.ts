import {
  invalidTask,
  LonghaulError,
  type JsonObject,
  type LogsPage,
  type LogsRequest,
} from '../../connector';
import { objectAt, textAt } from './databricks-json';
import type { TaskRun } from './databricks-tasks';

/** Reads the output of one task run; undefined while there is none. */
export type OutputReader = (taskRunId: string) => Promise<JsonObject | undefined>;

const DEFAULT_LIMIT = 1_000;
/** One page asks for at most this many outputs, so that a run of a thousand tasks cannot hold a worker. */
const MOST_OUTPUTS = 50;
/** A page crosses gRPC and Temporal, which take 2 MB at most; longer lines are cut, longer pages end early. */
const LONGEST_LINE = 8_192;
const LARGEST_PAGE = 1_000_000;

/** `pageToken` that asks for the beginning; later tokens are opaque. */
const FIRST_PAGE = 'start';

interface Position {
  readonly task: number;
  readonly line: number;
}

interface TaskLog {
  readonly lines: readonly string[];
  readonly truncated: boolean;
}

/**
 * A page of a run's logs, all tasks in the order they started: the last lines without a token, else from the token
 * on. A task that has no output yet gives no lines.
 * @throws INVALID_TASK for a token that is not ours.
 */
export function readLogsPage(
  tasks: readonly TaskRun[],
  request: LogsRequest,
  read: OutputReader,
): Promise<LogsPage> {
  const limit = Math.max(1, Math.trunc(request.limit ?? DEFAULT_LIMIT));
  const source: LogSource = { tasks, read, limit };
  return request.pageToken === undefined
    ? readTail(source)
    : readForward(source, parsePosition(request.pageToken, tasks));
}

interface LogSource {
  readonly tasks: readonly TaskRun[];
  readonly read: OutputReader;
  readonly limit: number;
}

/** From the last task backwards, until the page is full. */
async function readTail({ tasks, read, limit }: LogSource): Promise<LogsPage> {
  let lines: string[] = [];
  let truncated = false;
  let outputs = 0;
  for (const task of [...tasks].reverse()) {
    if (lines.length >= limit || !mayHaveOutput(task)) continue;
    if (outputs === MOST_OUTPUTS) return { lines, truncated: true };
    outputs += 1;
    const log = await readTaskLog(task, { tasks, read });
    lines = [...log.lines, ...lines];
    truncated ||= log.truncated;
  }
  const last = lastWithin(lines.slice(-limit));
  return { lines: last, truncated };
}

function lastWithin(lines: readonly string[]): string[] {
  let size = 0;
  const start = lines.findLastIndex((line) => (size += line.length) > LARGEST_PAGE);
  return lines.slice(start + 1);
}

async function readForward(source: LogSource, start: Position): Promise<LogsPage> {
  const { tasks, limit } = source;
  const lines: string[] = [];
  let truncated = false;
  let size = 0;
  let outputs = 0;
  for (let index = start.task; index < tasks.length; index += 1) {
    const task = tasks[index];
    if (task === undefined || !mayHaveOutput(task)) continue;
    if (outputs === MOST_OUTPUTS) {
      return { lines, truncated, nextPageToken: toToken(tasks, { task: index, line: 0 }) };
    }
    outputs += 1;
    const log = await readTaskLog(task, source);
    truncated ||= log.truncated;
    for (let line = index === start.task ? start.line : 0; line < log.lines.length; line += 1) {
      const text = log.lines[line] ?? '';
      const isFull = lines.length >= limit || (lines.length > 0 && size + text.length > LARGEST_PAGE);
      if (isFull) return { lines, truncated, nextPageToken: toToken(tasks, { task: index, line }) };
      lines.push(text);
      size += text.length;
    }
  }
  return { lines, truncated };
}

/** Names the task run and not only its place: places move while tasks start. */
function toToken(tasks: readonly TaskRun[], { task, line }: Position): string {
  return `${task}.${line}.${tasks[task]?.runId ?? ''}`;
}

function parsePosition(token: string, tasks: readonly TaskRun[]): Position {
  if (token === FIRST_PAGE) return { task: 0, line: 0 };
  const [, task, line, runId] = /^(\d{1,6})\.(\d{1,9})\.(\d*)$/.exec(token) ?? [];
  if (task === undefined) {
    throw invalidTask('pageToken', `must be ${FIRST_PAGE} or a token of an earlier page`, token);
  }
  const place = runId === '' ? -1 : tasks.findIndex((candidate) => candidate.runId === runId);
  return { task: place === -1 ? Number(task) : place, line: Number(line) };
}

/** A task that waits, or was skipped, has never run anything. */
function mayHaveOutput({ state, runId }: TaskRun): boolean {
  if (runId === undefined) return false;
  const { lifeCycle, result } = state;
  const isWaiting = lifeCycle === 'BLOCKED' || lifeCycle === 'QUEUED' || lifeCycle === 'PENDING';
  const isSkipped =
    lifeCycle === 'SKIPPED' || result?.startsWith('UPSTREAM_') === true || result === 'EXCLUDED';
  return !isWaiting && !isSkipped;
}

async function readTaskLog(task: TaskRun, source: Pick<LogSource, 'tasks' | 'read'>): Promise<TaskLog> {
  const output = task.runId === undefined ? undefined : await source.read(task.runId);
  if (output === undefined) return { lines: [], truncated: false };
  const notebook = objectAt(output, 'notebook_output');
  const text = textAt(output, 'logs') ?? textAt(notebook, 'result') ?? errorOf(output);
  const prefix = source.tasks.length > 1 ? `[${labelOf(task)}] ` : '';
  return {
    lines: splitLines(text ?? '').map((line) => `${prefix}${cutLine(line)}`),
    truncated: output['logs_truncated'] === true || notebook['truncated'] === true,
  };
}

/** Logs hold the trace already; only task types without logs need it from here. */
function errorOf(output: JsonObject): string | undefined {
  const [error, trace] = [textAt(output, 'error'), textAt(output, 'error_trace')];
  return error === undefined && trace === undefined ? undefined : [error, trace].filter(Boolean).join('\n');
}

function labelOf({ taskKey, attempt }: TaskRun): string {
  return attempt === 0 ? taskKey : `${taskKey} attempt ${attempt}`;
}

function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function cutLine(line: string): string {
  return line.length <= LONGEST_LINE ? line : `${line.slice(0, LONGEST_LINE)}…`;
}

/** What Databricks says of an output that is not there (yet): not an error for somebody who looks at logs. */
export function isMissingOutput(thrown: unknown): boolean {
  if (!(thrown instanceof LonghaulError)) return false;
  return thrown.code === 'INTERNAL' || thrown.code === 'NOT_FOUND' || thrown.code === 'RUN_GONE';
}
