import { missingRun, type Handler } from './api';
import { invalidParameter } from './api-error';
import type { EngineOptions } from './engine-options';
import { specOf, type Attempt, type Run } from './model';
import { parametersOf } from './task-parameters';
import { readId, readObject, readText, toText, type WireObject } from './wire-json';

const MAX_LOG_BYTES = 5 * 1024 * 1024;
const VIEWS = ['CODE', 'DASHBOARDS', 'ALL'];

/** GET runs/export: of a notebook's task run, or of a job run whose only task is one; dashboards are never there */
export const exportRun: Handler = ({ params }, engine) => {
  const { workspace } = engine;
  const runId = readId(params, 'run_id');
  const wanted = readText(params, 'views_to_export') ?? 'CODE';
  if (!VIEWS.includes(wanted)) {
    throw invalidParameter(`views_to_export must be one of ${VIEWS.join(', ')}, not '${wanted}'`);
  }
  const run = workspace.runs.get(runId);
  const found = workspace.findAttempt(runId) ?? onlyTask(run);
  if (found === undefined) {
    throw run === undefined
      ? missingRun(runId)
      : invalidParameter('Only runs of a single task can be exported; name a task run.');
  }
  return { views: wanted === 'DASHBOARDS' ? [] : [notebookView(found, engine)] };
};

interface Exported {
  readonly run: Run;
  readonly attempt: Attempt;
}

function onlyTask(run: Run | undefined): Exported | undefined {
  const attempt = run?.tasks.length === 1 ? run.attempts.at(-1) : undefined;
  return run && attempt && { run, attempt };
}

function notebookView({ run, attempt }: Exported, { python }: EngineOptions): WireObject {
  const task = specOf(run, attempt);
  const notebook = task && readObject(task.body, 'notebook_task');
  if (task === undefined || notebook === undefined) {
    throw invalidParameter('Only runs of notebooks can be exported.');
  }
  const path = readText(notebook, 'notebook_path') ?? '';
  const parameters =
    readObject(parametersOf('notebook_task', task, { run, attempt }), 'base_parameters') ?? {};
  const { notebookResult = '', error = '', errorTrace = '' } = attempt.output ?? {};
  const printed = attempt.process === true ? python.readLog(attempt.runId, MAX_LOG_BYTES).text : '';
  const parts = [
    ...Object.entries(parameters).map(([name, value]) => `<p>${escape(name)} = ${escape(toText(value))}</p>`),
    ...[printed, notebookResult, error, errorTrace]
      .filter((text) => text !== '')
      .map((text) => `<pre>${escape(text)}</pre>`),
  ];
  const title = escape(path);
  const content = `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1>${parts.join('')}</body></html>`;
  return { content, name: path.split('/').at(-1) ?? path, type: 'NOTEBOOK' };
}

function escape(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
