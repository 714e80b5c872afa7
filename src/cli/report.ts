import type { TaskOutcome, TaskStatus } from '../client';
import { ERROR_TABLE, LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';
import { withLimit } from '../temporal/wait';
import { adviceFor } from './advice';
import { endWord, receiptLines, toMachineTask } from './describe-task';
import { toDuration, toTable } from './format';
import type { Output } from './output';
import { toOutputsText } from './outputs-text';
import type { Session } from './session';
import { toneOf, type Paint } from './style';

/** Exit code of a command that leaves a task running on purpose. Source: sysexits EX_TEMPFAIL. */
export const EXIT_DETACHED = 75;

const TAIL_LINES = 20;
/** Without a worker nothing would answer, and a person waits for the outcome. */
const TAIL_LIMIT_MS = 10_000;

/** How a task ended, with all that is shown of it. */
export interface Outcome extends TaskOutcome {
  readonly logs: readonly string[];
  readonly taskUrl: string | undefined;
  readonly canRepair: boolean;
}

/** 0 only for SUCCEEDED. */
function exitCodeOf(status: TaskStatus): number {
  if (status.state === 'COMPLETED' && status.phase === 'SUCCEEDED') return 0;
  return ERROR_TABLE[status.code ?? 'INTERNAL'].exitCode;
}

export async function readOutcome(session: Session, id: string): Promise<Outcome> {
  const outcome = await session.tasks.wait(id);
  const canRepair = session.tasks.canRepair(outcome.status);
  return { ...outcome, logs: await tailOf(session, id), taskUrl: session.taskUrl(id), canRepair };
}

/** Logs are a courtesy here: their absence must not hide how the task ended. */
async function tailOf(session: Session, id: string): Promise<readonly string[]> {
  try {
    const page = session.tasks.logs(id, { limit: TAIL_LINES });
    return (await withLimit(page, TAIL_LIMIT_MS, 'the logs')).lines;
  } catch (error) {
    if (error instanceof LonghaulError) return [];
    throw error;
  }
}

/** Shows how a task ended: the first cause on top, then what to do, its output, its receipt. @returns the exit code. */
export function reportOutcome(outcome: Outcome, output: Output): number {
  const { status, result, logs, taskUrl } = outcome;
  output.result(toText(outcome, output.paint), {
    ...toMachineTask(status, taskUrl),
    result: result ?? null,
    logs,
  });
  return exitCodeOf(status);
}

function toText(outcome: Outcome, paint: Paint): string {
  const { status, result, logs, taskUrl } = outcome;
  const outputs = outputLines(result?.resource.outputs ?? {});
  const links = [...status.links.map(({ name, uri }) => [name, uri]), ...pageOf(taskUrl)];
  return [
    ...headLines(outcome, paint),
    ...(outputs.length === 0 ? [] : ['', 'Outputs', ...outputs]),
    ...(logs.length === 0
      ? []
      : ['', logs.length < TAIL_LINES ? 'Output' : `Output, last ${TAIL_LINES} lines`]),
    ...logs.map((line) => `  ${line}`),
    ...receiptLines(result?.receipt ?? status.receipt),
    ...(links.length === 0 ? [] : ['', toTable(links)]),
  ].join('\n');
}

/** Printed lines are shown below for themselves. */
function outputLines(outputs: JsonObject): string[] {
  const given = Object.entries(outputs).filter(([, output]) => !isPrinted(output));
  if (given.length === 0) return [];
  return toOutputsText(Object.fromEntries(given))
    .split('\n')
    .map((line) => `  ${line}`);
}

function isPrinted(output: JsonValue): boolean {
  return isJsonObject(output) && output['kind'] === 'logs';
}

function pageOf(taskUrl: string | undefined): string[][] {
  return taskUrl === undefined ? [] : [['Temporal UI', taskUrl]];
}

function headLines(outcome: Outcome, paint: Paint): string[] {
  const { status } = outcome;
  const word = endWord(outcome);
  const took = toDuration((status.closedAt ?? status.startedAt) - status.startedAt);
  if (exitCodeOf(status) === 0) return ['', `${paint(toneOf(word), word)} in ${took}: ${status.id}`];
  const code = status.code === undefined || status.code === word ? '' : ` (${status.code})`;
  return [
    '',
    `${paint(toneOf(word), word)} after ${took}${code}: ${status.id}`,
    ...(status.message ?? '').split('\n'),
    ...(status.code === 'CANCELED'
      ? []
      : ['', `${paint('strong', 'What now:')} ${adviceFor(status, outcome)}`]),
  ];
}
