import type { ApiRequest, Handler } from './api';
import { apiError } from './api-error';
import { countToken } from './counters';
import type { EngineOptions } from './engine-options';
import { addRun, echoOf, newJobRun, queueFlag, type NewRun } from './job-runs';
import { notificationSettings } from './notifications';
import { countCreation } from './quotas';
import { parseTasks } from './task-specs';
import { readInteger, readText, toWireId, type WireObject } from './wire-json';

/** POST runs/submit */
export const submitRun: Handler = (request, engine) => {
  const { params, version } = request;
  return startOnce(request, engine, () => {
    countCreation(engine);
    const name = readText(params, 'run_name') ?? 'Untitled';
    return {
      jobId: engine.workspace.newId(),
      name,
      type: 'SUBMIT_RUN',
      tasks: parseTasks(params, version, name),
      queueEnabled: queueFlag(params) ?? version === '2.2',
      timeoutMs: (readInteger(params, 'timeout_seconds') ?? 0) * 1000,
      echo: echoOf(params),
      notifications: notificationSettings(params),
    };
  });
};

/** POST run-now */
export const runNow: Handler = (request, engine) => {
  const beginning = { engine, now: engine.clock.now() };
  const answer = startOnce(request, engine, () => newJobRun(request.params, beginning));
  return { ...answer, number_in_job: answer['run_id'] };
};

/**
 * One run per idempotency token: a token already used gives the existing run, active or finished, whatever the body.
 * If that run was deleted: an error (its code is not documented by Databricks).
 */
function startOnce(request: ApiRequest, engine: EngineOptions, toRun: () => NewRun): WireObject {
  const { workspace } = engine;
  const token = readToken(request.params);
  const known = token === undefined ? undefined : workspace.tokens.get(token);
  if (known !== undefined && !workspace.runs.has(known)) {
    throw apiError('INVALID_PARAMETER_VALUE', `Run ${known} of this idempotency_token was deleted.`);
  }
  if (known !== undefined) return { run_id: toWireId(known) };
  const fields = toRun();
  assertRoom(fields, engine);
  const run = addRun(fields, { engine, now: engine.clock.now() });
  if (token !== undefined) {
    workspace.tokens.set(token, run.runId);
    countToken(workspace.counters, token, run.runId);
  }
  return { run_id: toWireId(run.runId) };
}

function assertRoom({ queueEnabled }: NewRun, { workspace, limits }: EngineOptions): void {
  const { book } = workspace;
  if (queueEnabled || book.startedCount() + book.queued.size < limits.maxActiveRuns) return;
  throw apiError('REQUEST_LIMIT_EXCEEDED', `The workspace already has ${limits.maxActiveRuns} active runs.`);
}

function readToken(params: WireObject): string | undefined {
  const token = readText(params, 'idempotency_token');
  if (token !== undefined && token.length > 64) {
    throw apiError('INVALID_PARAMETER_VALUE', 'idempotency_token must have at most 64 characters');
  }
  return token === '' ? undefined : token;
}
