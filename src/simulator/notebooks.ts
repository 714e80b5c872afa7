import fs from 'node:fs';
import path from 'node:path';

import { latestAttempts, type AttemptOutput, type Run } from './model';
import type { Step } from './step';
import { parametersOf } from './task-parameters';
import { readFlag, readObject, readText, toText, type WireObject } from './wire-json';

/** What `run_notebook.py` reads as `request.json`. */
export interface NotebookRequest {
  /** The notebook's file. */
  readonly notebook: string;
  /** The values of its widgets. */
  readonly parameters: Readonly<Record<string, string>>;
  /** By task key: what the tasks before it left. */
  readonly taskValues: Readonly<Record<string, WireObject>>;
}

/** Runs a notebook with plain Python; shipped beside this file. */
export const NOTEBOOK_RUNNER = path.join(__dirname, 'python/run_notebook.py');

const SUFFIXES = ['', '.py', '.ipynb'];
const WORKSPACE_FOLDER = /^\/?(Workspace|Repos|Shared|Volumes|dbfs)\//;

type Asked = Pick<Step, 'task' | 'run' | 'attempt'>;

/**
 * The request of a `notebook_task` whose notebook is a file of this machine: its path begins with `file:`, or is
 * absolute and ends in `.py` or `.ipynb`. Nothing for notebooks kept in a workspace or in git: those are played.
 */
export function notebookRequest(step: Asked): NotebookRequest | undefined {
  const notebook = readObject(step.task.body, 'notebook_task');
  const file = notebook === undefined ? undefined : localNotebook(notebook);
  if (notebook === undefined || file === undefined) return undefined;
  return { notebook: file, parameters: parametersFor(step), taskValues: taskValuesOf(step.run) };
}

function localNotebook(notebook: WireObject): string | undefined {
  const given = readText(notebook, 'notebook_path') ?? '';
  if (readText(notebook, 'source') === 'GIT') return undefined;
  const file = given.replace(/^file:(\/\/)?/, '');
  const isLocal = file !== given || (/^\/.*\.(py|ipynb)$/.test(given) && !WORKSPACE_FOLDER.test(given));
  return isLocal ? (SUFFIXES.map((suffix) => `${file}${suffix}`).find(isFile) ?? file) : undefined;
}

export function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function parametersFor({ task, run, attempt }: Asked): Record<string, string> {
  const parameters = parametersOf('notebook_task', task, { run, attempt });
  const given = Object.entries(readObject(parameters, 'base_parameters') ?? {});
  return Object.fromEntries(given.map(([name, value]) => [name, toText(value)]));
}

/** What tasks left with `dbutils.jobs.taskValues.set`: of each task its latest attempt's. */
function taskValuesOf(run: Run): Record<string, WireObject> {
  const attempts = [...latestAttempts(run).values()];
  return Object.fromEntries(attempts.map(({ taskKey, output }) => [taskKey, output?.taskValues ?? {}]));
}

/** What `run_notebook.py` left as `result.json`: nothing, if it died before it could. */
export function readNotebookResult(result: WireObject | undefined): AttemptOutput | undefined {
  if (result === undefined) return undefined;
  return {
    error: readText(result, 'error'),
    errorTrace: readText(result, 'errorTrace'),
    notebookResult: readText(result, 'result'),
    notebookTruncated: readFlag(result, 'truncated') ?? false,
    taskValues: readObject(result, 'taskValues') ?? {},
  };
}
