import { shorten, type JsonObject, type JobOutputs } from '../../connector';
import { compact, numberAt, objectAt, objectsAt, textAt } from './databricks-json';
import { latestAttempts, type TaskRun } from './databricks-tasks';

/** What one task of a run gave, by the kind of task. A text that was cut says so: `truncated`. */
export type TaskOutput =
  /** The value of `dbutils.notebook.exit()`. */
  | { readonly kind: 'notebook'; readonly value?: string; readonly truncated: boolean }
  | {
      readonly kind: 'sql';
      readonly of: 'query' | 'dashboard' | 'alert';
      readonly link?: string;
      readonly warehouseId?: string;
      readonly query?: string;
      readonly statements?: readonly string[];
      readonly alertState?: string;
      readonly widgets?: readonly JsonObject[];
      readonly truncated: boolean;
    }
  /** The link opens without a password, so it is read afresh and never kept. */
  | {
      readonly kind: 'dbt';
      readonly artifactsLink?: string;
      readonly artifactsHeaders?: JsonObject;
      readonly expiresInMinutes: number;
    }
  /** The end of what a Python or JAR task printed. */
  | { readonly kind: 'logs'; readonly tail?: string; readonly truncated: boolean }
  /** The run that a run-job task started. */
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'condition'; readonly outcome: string }
  | {
      readonly kind: 'iterations';
      readonly total: number;
      readonly succeeded: number;
      readonly failed: number;
    };

/** How much is read and how much of it is given. Lengths in characters. */
export interface OutputLimits {
  /** Each costs a request. */
  readonly reads: number;
  readonly longestValue: number;
  readonly total: number;
  /** Links that open without a password. */
  readonly withSecretLinks: boolean;
}

/** A workflow's result is kept in its history: a notebook may return 5 MB, which is not for there. */
export const KEPT_OUTPUTS: OutputLimits = {
  reads: 20,
  longestValue: 16_384,
  total: 65_536,
  withSecretLinks: false,
};
/** For one who asks: as much as an answer through Temporal may hold, with room for its longest characters. */
export const FRESH_OUTPUTS: OutputLimits = {
  reads: 50,
  longestValue: 400_000,
  total: 400_000,
  withSecretLinks: true,
};

export interface ReadOutputs {
  readonly outputs: JobOutputs;
  /** Tasks that have an output which was not read. */
  readonly unread: number;
}

/** Reads the output of one task run; undefined while there is none. */
export type OutputReader = (task: TaskRun) => Promise<JsonObject | undefined>;

/** Source: databricks.md §8; values first, then what only leads on, printed lines last. */
const READ_ORDER = [
  'notebook_task',
  'sql_task',
  'run_job_task',
  'dbt_task',
  'spark_python_task',
  'python_wheel_task',
  'spark_jar_task',
] as const;

/** The outputs of the tasks that succeeded, the latest attempt of each, within `limits`, in the order they started. */
export async function readOutputs(
  tasks: readonly TaskRun[],
  read: OutputReader,
  limits: OutputLimits,
): Promise<ReadOutputs> {
  const succeeded = latestAttempts(tasks).filter(({ state }) => state.result === 'SUCCESS');
  const told = succeeded.flatMap((task) => entryOf(task, outputInRun(task)));
  const readable = succeeded.filter((task) => rankOf(task) !== -1).sort((a, b) => rankOf(a) - rankOf(b));
  const shown = readable.slice(0, limits.reads);
  const answers = await readInBatches(shown, read);
  const entries: (readonly [string, TaskOutput])[] = [];
  let left = limits.total;
  for (const [index, task] of shown.entries()) {
    const longest = Math.min(limits.longestValue, left);
    const output = toTaskOutput(answers[index] ?? {}, { ...limits, longestValue: longest });
    left -= output === undefined ? 0 : JSON.stringify(output).length;
    left = Math.max(0, left);
    entries.push(...entryOf(task, output));
  }
  const given = new Map([...told, ...entries]);
  const all = succeeded.flatMap((task) => entryOf(task, given.get(task.taskKey)));
  const readCount = answers.filter((answer) => answer !== undefined).length;
  return {
    outputs: Object.fromEntries(all.map(([key, output]) => [key, compact({ ...output })])),
    unread: readable.length - readCount,
  };
}

/** So many requests at a time: a run that ends is one of many in its workspace. */
const AT_A_TIME = 8;

async function readInBatches(
  tasks: readonly TaskRun[],
  read: OutputReader,
): Promise<(JsonObject | undefined)[]> {
  const answers: (JsonObject | undefined)[] = [];
  for (let start = 0; start < tasks.length; start += AT_A_TIME) {
    answers.push(...(await Promise.all(tasks.slice(start, start + AT_A_TIME).map(read))));
  }
  return answers;
}

function rankOf({ raw }: TaskRun): number {
  return READ_ORDER.findIndex((field) => raw[field] !== undefined);
}

function entryOf({ taskKey }: TaskRun, output: TaskOutput | undefined): (readonly [string, TaskOutput])[] {
  return output === undefined ? [] : [[taskKey, output]];
}

/** What the run itself tells, without another request. */
function outputInRun({ raw }: TaskRun): TaskOutput | undefined {
  const outcome = textAt(objectAt(raw, 'condition_task'), 'outcome');
  if (outcome !== undefined) return { kind: 'condition', outcome };
  const stats = objectAt(objectAt(objectAt(raw, 'for_each_task'), 'stats'), 'task_run_stats');
  const total = numberAt(stats, 'total_iterations');
  if (total === undefined) return undefined;
  const [succeeded = 0, failed = 0] = ['succeeded_iterations', 'failed_iterations'].map((key) =>
    numberAt(stats, key),
  );
  return { kind: 'iterations', total, succeeded, failed };
}

/** An answer of `runs/get-output` by what is in it; undefined where there is nothing to give. */
function toTaskOutput(answer: JsonObject, limits: OutputLimits): TaskOutput | undefined {
  const runId = textAt(objectAt(answer, 'run_job_output'), 'run_id');
  if (runId !== undefined) return { kind: 'run', runId };
  return (
    notebookOutput(answer, limits) ??
    sqlOutput(answer, limits) ??
    dbtOutput(answer, limits) ??
    logsOutput(answer, limits)
  );
}

function notebookOutput(answer: JsonObject, { longestValue }: OutputLimits): TaskOutput | undefined {
  const notebook = objectAt(answer, 'notebook_output');
  const { result } = notebook;
  if (typeof result !== 'string') return undefined;
  const truncated = notebook['truncated'] === true || result.length > longestValue;
  return { kind: 'notebook', value: shorten(result, longestValue), truncated };
}

function sqlOutput(answer: JsonObject, { longestValue }: OutputLimits): TaskOutput | undefined {
  const sql = objectAt(answer, 'sql_output');
  const of = (['query', 'dashboard', 'alert'] as const).find((kind) => sql[`${kind}_output`] !== undefined);
  if (of === undefined) return undefined;
  const output = objectAt(sql, `${of}_output`);
  const query = textAt(output, 'query_text');
  const widgets = objectsAt(output, 'widgets').map(toWidget);
  const statements = objectsAt(output, 'sql_statements').flatMap((one) => textAt(one, 'lookup_key') ?? []);
  const room = longestValue - (query?.length ?? 0);
  const isWide = JSON.stringify([widgets, statements]).length > Math.max(room, SMALLEST_ROOM);
  return {
    kind: 'sql',
    of,
    ...optional('link', textAt(output, 'output_link')),
    ...optional('warehouseId', textAt(output, 'warehouse_id')),
    ...optional('query', query === undefined ? undefined : shorten(query, longestValue)),
    ...optional('alertState', textAt(output, 'alert_state')),
    ...(statements.length === 0 || isWide ? {} : { statements }),
    ...(widgets.length === 0 || isWide ? {} : { widgets }),
    truncated: isWide || (query?.length ?? 0) > longestValue,
  };
}

/** A dashboard has a few widgets of some hundred characters each: they are kept also where a query took the room. */
const SMALLEST_ROOM = 2_000;

function toWidget(widget: JsonObject): JsonObject {
  return compact({
    title: textAt(widget, 'widget_title'),
    status: textAt(widget, 'status'),
    link: textAt(widget, 'output_link'),
    error: textAt(objectAt(widget, 'error'), 'message'),
  });
}

/** Source: databricks.md §8. */
const DBT_LINK_MINUTES = 30;

function dbtOutput(answer: JsonObject, { withSecretLinks }: OutputLimits): TaskOutput | undefined {
  const dbt = objectAt(answer, 'dbt_output');
  const artifactsLink = textAt(dbt, 'artifacts_link');
  if (artifactsLink === undefined) return undefined;
  const shown = withSecretLinks
    ? { artifactsLink, artifactsHeaders: objectAt(dbt, 'artifacts_headers') }
    : {};
  return { kind: 'dbt', ...shown, expiresInMinutes: DBT_LINK_MINUTES };
}

/** Printed lines are for `longhaul logs`; a result keeps their end, where a program says what it did. */
const LONGEST_TAIL = 4_096;

function logsOutput(answer: JsonObject, { longestValue }: OutputLimits): TaskOutput | undefined {
  const logs = textAt(answer, 'logs');
  if (logs === undefined) return undefined;
  const longest = Math.min(longestValue, LONGEST_TAIL);
  const truncated = answer['logs_truncated'] === true || logs.length > longest;
  return { kind: 'logs', tail: logs.length > longest ? lastLinesWithin(logs, longest) : logs, truncated };
}

/** Whole lines only, where one fits. */
function lastLinesWithin(text: string, longest: number): string {
  const end = longest === 0 ? '' : text.slice(-longest);
  const firstBreak = end.indexOf('\n');
  return firstBreak === -1 || firstBreak === end.length - 1 ? end : end.slice(firstBreak + 1);
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  const entry: Partial<Record<K, string>> = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}
