import { fileNotFound, notebookNotFound } from './endings';
import type { Ending, Run, TaskSpec } from './model';
import { isFile, notebookRequest, NOTEBOOK_RUNNER } from './notebooks';
import type { PythonCommand } from './python-runner';
import type { Step } from './step';
import { parametersOf } from './task-parameters';
import { readObject, readText, readTexts, toText, type WireObject } from './wire-json';

const REMOTE_FILE = /^(?!file:)[a-z][a-z0-9+.-]*:|^\/(Workspace|Volumes|Repos|dbfs)\//;

type Asked = Pick<Step, 'task' | 'run' | 'attempt'>;

/**
 * The local program of a `spark_python_task` or a `notebook_task`; nothing for other task types and for files kept in a
 * workspace, a bucket or git.
 */
export function toProgram(step: Asked): PythonCommand | undefined {
  const notebook = notebookRequest(step);
  if (notebook === undefined) return pythonFile(step);
  return { file: NOTEBOOK_RUNNER, parameters: [], environment: environmentOf(step.task, step.run), notebook };
}

/** How a task ends whose program is not there; nothing if it is. */
export function missingProgram({ file, notebook }: PythonCommand): Ending | undefined {
  if (notebook === undefined) return isFile(file) ? undefined : fileNotFound(file);
  return isFile(notebook.notebook) ? undefined : notebookNotFound(notebook.notebook);
}

function pythonFile({ task, run, attempt }: Asked): PythonCommand | undefined {
  const python = readObject(task.body, 'spark_python_task');
  const file = python === undefined ? undefined : readText(python, 'python_file');
  if (python === undefined || file === undefined || readText(python, 'source') === 'GIT') return undefined;
  if (REMOTE_FILE.test(file)) return undefined;
  return {
    file: file.replace(/^file:(\/\/)?/, ''),
    parameters: readTexts(parametersOf('spark_python_task', task, { run, attempt }), 'parameters') ?? [],
    environment: environmentOf(task, run),
  };
}

function environmentOf(task: TaskSpec, run: Run): Record<string, string> {
  const cluster = readObject(task.body, 'new_cluster') ?? sharedCluster(task, run) ?? {};
  const variables = readObject(cluster, 'spark_env_vars') ?? {};
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, toText(value)]));
}

function sharedCluster(task: TaskSpec, run: Run): WireObject | undefined {
  const key = readText(task.body, 'job_cluster_key');
  const clusters = (run.echo['job_clusters'] ?? []) as readonly WireObject[]; // read as a list when it was accepted
  const cluster = key === undefined ? undefined : clusters.find((one) => one['job_cluster_key'] === key);
  return cluster === undefined ? undefined : readObject(cluster, 'new_cluster');
}
