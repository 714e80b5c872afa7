import { shorten, type JsonObject } from '../../connector';
import { compact, objectAt, objectsAt, textAt } from './databricks-json';
import type { TaskRun } from './databricks-tasks';

/** Why one task failed, in words a person on call can use. */
export interface FailureCauseDetail {
  readonly taskKey: string;
  readonly runId?: string;
  /** Termination code and type, Databricks' own. */
  readonly code?: string;
  readonly type?: string;
  /** The first line of the error. */
  readonly error: string;
  /** The end of the stack trace, where Python names the exception. */
  readonly trace?: string;
}

/** More than three causes are rarely read and cost a request each. */
export const MOST_CAUSES = 3;
const LONGEST_ERROR = 300;
const LONGEST_TRACE = 1_500;

/** Colors and cursor moves that notebooks put into their traces. */
// eslint-disable-next-line no-control-regex -- the escape character is what is to be found
const ANSI = /\u001B\[[0-?]*[ -/]*[@-~]/g;

/** Puts a failed task and, where it could be read, its output together. */
export function toFailureCause(task: TaskRun, output: JsonObject | undefined): FailureCauseDetail {
  const trace = plain(textAt(output ?? {}, 'error_trace'));
  const { terminationCode, terminationType } = task.state;
  return {
    taskKey: task.taskKey,
    ...(task.runId === undefined ? {} : { runId: task.runId }),
    ...(terminationCode === undefined ? {} : { code: terminationCode }),
    ...(terminationType === undefined ? {} : { type: terminationType }),
    error: shorten(errorLine(task, output, trace), LONGEST_ERROR),
    ...(trace === undefined ? {} : { trace: tail(trace, LONGEST_TRACE) }),
  };
}

/** The first that says something: the output's error, the trace's last line, for-each's statistics, the state. */
function errorLine(task: TaskRun, output: JsonObject | undefined, trace: string | undefined): string {
  const { state } = task;
  return (
    firstLine(plain(textAt(output ?? {}, 'error'))) ??
    lastLine(trace) ??
    firstLine(iterationError(task)) ??
    firstLine(state.stateMessage ?? state.terminationMessage) ??
    ([state.lifeCycle, state.result].filter((word) => word !== undefined).join('/') || 'no error was given')
  );
}

function iterationError(task: TaskRun): string | undefined {
  const stats = objectAt(objectAt(task.raw, 'for_each_task'), 'stats');
  const [commonest] = objectsAt(stats, 'error_message_stats');
  return commonest === undefined ? undefined : textAt(commonest, 'error_message');
}

function plain(text: string | undefined): string | undefined {
  const cleaned = text?.replace(ANSI, '').trim();
  return cleaned === '' ? undefined : cleaned;
}

function linesOf(text: string | undefined): string[] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function firstLine(text: string | undefined): string | undefined {
  return linesOf(text)[0];
}

function lastLine(text: string | undefined): string | undefined {
  return linesOf(text).at(-1);
}

function tail(text: string, limit: number): string {
  return text.length <= limit ? text : `…${text.slice(1 - limit).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

/** The message of a failed run: the first cause on top, then how many more, then Databricks' own words. */
export function describeFailure(
  causes: readonly FailureCauseDetail[],
  total: number,
  stateWords: string,
): string {
  const [first] = causes;
  if (first === undefined) return stateWords;
  const code = first.code === undefined ? '' : ` (${first.code})`;
  const others = total > 1 ? `\n${total - 1} more ${total === 2 ? 'task' : 'tasks'} failed` : '';
  return `Task ${first.taskKey} failed: ${first.error}${code}${others}\n${stateWords}`;
}

export function causesToJson(causes: readonly FailureCauseDetail[]): readonly JsonObject[] {
  return causes.map((cause) => compact({ ...cause }));
}
