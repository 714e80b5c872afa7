import fs from 'node:fs';
import path from 'node:path';

import type { AttemptOutput, Run, TaskSpec } from './model';
import { resolveTaskValues, taskValuesOf } from './task-values';
import { isWireObject, readFlag, readObject, readText, toText, type WireObject } from './wire-json';

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

/**
 * The request of a `notebook_task` whose notebook is a file of this machine: its path begins with `file:`, or is
 * absolute and ends in `.py` or `.ipynb`. Nothing for notebooks kept in a workspace or in git: those are played.
 */
export function notebookRequest(task: TaskSpec, run: Run): NotebookRequest | undefined {
  const notebook = readObject(task.body, 'notebook_task');
  const file = notebook === undefined ? undefined : localNotebook(notebook);
  if (notebook === undefined || file === undefined) return undefined;
  return { notebook: file, parameters: parametersOf(notebook, run), taskValues: taskValuesOf(run) };
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

/** The job's parameters win over those of this run (`notebook_params`), and these over the task's own. */
function parametersOf(notebook: WireObject, run: Run): Record<string, string> {
  const overriding = readObject(run.echo, 'overriding_parameters') ?? {};
  const given = {
    ...readObject(notebook, 'base_parameters'),
    ...readObject(overriding, 'notebook_params'),
    ...jobParametersOf(run),
  };
  const entries = Object.entries(given);
  return Object.fromEntries(entries.map(([name, value]) => [name, resolveTaskValues(toText(value), run)]));
}

function jobParametersOf({ echo }: Run): WireObject {
  const list = echo['job_parameters'];
  const parameters = Array.isArray(list) ? list.filter(isWireObject) : [];
  return Object.fromEntries(parameters.map(({ name, value }) => [toText(name), value]));
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
