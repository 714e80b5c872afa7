import fs from 'node:fs';

import type { EngineOptions } from './engine';
import type { Attempt, Run } from './model';
import { isFile, notebookRequest } from './notebooks';
import type { WireObject } from './wire-json';

const MAX_LOG_BYTES = 5 * 1024 * 1024;
const PLAYED = '<!DOCTYPE html><html><body>simulated</body></html>';

/** The views of `runs/export`: of a notebook that really ran, its text as it stands and all it printed. */
export function exportViews(run: Run, attempt: Attempt | undefined, engine: EngineOptions): WireObject[] {
  const page = attempt === undefined ? undefined : notebookPage(run, attempt, engine);
  return [{ content: page ?? PLAYED, name: run.name, type: 'NOTEBOOK' }];
}

function notebookPage(run: Run, attempt: Attempt, { python }: EngineOptions): string | undefined {
  const task = run.tasks.find(({ key }) => key === attempt.taskKey);
  const file = task === undefined ? undefined : notebookRequest(task, run)?.notebook;
  if (file === undefined || attempt.process !== true) return undefined;
  const source = isFile(file) ? fs.readFileSync(file, 'utf8') : '';
  const log = python.readLog(attempt.runId, MAX_LOG_BYTES).text;
  const parts = [`<h1>${escapeHtml(file)}</h1>`, `<pre>${escapeHtml(source)}</pre>`, '<h2>Output</h2>'];
  return `<!DOCTYPE html><html><body>${parts.join('')}<pre>${escapeHtml(log)}</pre></body></html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
