import type { EngineOptions } from './engine-options';
import type { HttpRequest } from './http';
import { findOperation } from './operations';
import { ApiError, apiError } from './api-error';
import { isWireObject, readId, readText, type WireObject, type WireValue } from './wire-json';

/**
 * The page behind a run's console link, `/#job/<job id>/run/<run id>`: its states and the output of its tasks. It is
 * for a browser on this machine only and shows what a token of the workspace would show.
 */
export const CONSOLE_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Simulated workspace</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b2733; }
  h1 { font-size: 1.3rem; } table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
  td, th { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #dde3e8; vertical-align: top; }
  pre { background: #f4f6f8; padding: .8rem; overflow: auto; } .bad { color: #b3261e; } .good { color: #1a7f37; }
</style></head><body><h1 id="title">Simulated workspace</h1><p id="words">Follow the console link of a run.</p>
<table id="tasks" hidden><thead><tr><th>task</th><th>state</th><th>started</th><th>took</th></tr></thead><tbody></tbody></table>
<div id="outputs"></div><script>
const set = (id, text) => { document.getElementById(id).textContent = text; };
const words = ({ life_cycle_state: life = '', result_state: result, state_message: message }) =>
  life + (result ? '/' + result : '') + (message ? ' – ' + message : '');
const cell = (row, text) => { row.insertCell().textContent = text; };
const seconds = (task) => task.end_time > 0 ? ((task.end_time - task.start_time) / 1000).toFixed(1) + ' s' : '…';
async function show() {
  const runId = /run\\/(\\d+)/.exec(location.hash)?.[1];
  if (!runId) return;
  const answer = await fetch('/simulator/console?run_id=' + runId);
  const { run, outputs, message } = await answer.json();
  set('title', run ? run.run_name : 'Run ' + runId);
  set('words', run ? 'Run ' + runId + ': ' + words(run.state) : message);
  const body = document.querySelector('#tasks tbody');
  const logs = document.getElementById('outputs');
  body.replaceChildren(); logs.replaceChildren();
  document.getElementById('tasks').hidden = !run;
  for (const task of run?.tasks ?? []) {
    const row = body.insertRow();
    cell(row, task.task_key); cell(row, words(task.state)); cell(row, new Date(task.start_time).toLocaleTimeString());
    cell(row, seconds(task));
    row.cells[1].className = task.state.result_state === 'SUCCESS' ? 'good' : task.state.result_state ? 'bad' : '';
    const output = outputs[task.task_key] ?? {};
    const exit = output.notebook_output?.result;
    const said = output.logs ?? output.error_trace ?? output.error;
    const text = exit === undefined ? said : (said ?? '') + 'exit value: ' + exit;
    if (text) logs.append(Object.assign(document.createElement('h3'), { textContent: task.task_key }),
      Object.assign(document.createElement('pre'), { textContent: text }));
  }
  if (run && !(run.end_time > 0)) setTimeout(show, 1000);
}
addEventListener('hashchange', show); show();
</script></body></html>
`;

/** What the page shows of a run. @throws ApiError 403 to other hosts, 400 for a run that does not exist */
export function readConsole(request: HttpRequest, engine: EngineOptions): WireObject {
  assertThisMachine(request);
  const run = ask('/api/2.2/jobs/runs/get', request.query.get('run_id') ?? undefined, { request, engine });
  const tasks = Array.isArray(run['tasks']) ? run['tasks'].filter(isWireObject) : [];
  const outputs = tasks.map(
    (task) => [readText(task, 'task_key') ?? '', readOutput(task, { request, engine })] as const,
  );
  return { run, outputs: Object.fromEntries(outputs) };
}

interface Asking {
  readonly request: HttpRequest;
  readonly engine: EngineOptions;
}

function ask(path: string, runId: WireValue, { request, engine }: Asking): WireObject {
  const operation = findOperation('GET', path);
  if (operation === undefined) throw apiError('ENDPOINT_NOT_FOUND', path);
  const { version } = operation;
  return operation.handle(
    { version, params: { run_id: runId }, baseUrl: request.baseUrl, raw: undefined },
    engine,
  );
}

const MAX_LOG_BYTES = 200_000;

/** A task without output yet shows none. */
function readOutput(task: WireObject, asking: Asking): WireValue {
  try {
    const { logs, error, error_trace, notebook_output } = ask(
      '/api/2.2/jobs/runs/get-output',
      task['run_id'],
      asking,
    );
    const printed = logs ?? asking.engine.python.readLog(readId(task, 'run_id'), MAX_LOG_BYTES).text;
    return { ...(printed && { logs: printed }), error, error_trace, notebook_output };
  } catch (thrown) {
    if (thrown instanceof ApiError) return {};
    throw thrown;
  }
}

/** A page of another site must not read runs under a name that leads here. */
function assertThisMachine({ baseUrl }: HttpRequest): void {
  const { hostname } = new URL(baseUrl);
  if (hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')) return;
  throw apiError('PERMISSION_DENIED', 'The console answers only to this machine.');
}
