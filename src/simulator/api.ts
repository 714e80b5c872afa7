import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import { jobOf } from './job-runs';
import type { ApiVersion, Job, Run } from './model';
import type { RawState } from './outcomes';
import type { ViewContext } from './views';
import { readId, type WireObject } from './wire-json';

/** One call of the Jobs API, after the bearer token was accepted. Query and JSON body are one: clients use either. */
export interface ApiRequest {
  readonly version: ApiVersion;
  readonly params: WireObject;
  readonly baseUrl: string;
  /** A fault wants this state shown. */
  readonly raw?: RawState | undefined;
}

/** Answers synchronously, so that two requests never see each other half done. @throws ApiError */
export type Handler = (request: ApiRequest, engine: EngineOptions) => WireObject;

export function viewContext({ baseUrl, raw }: ApiRequest, { clock, workspace }: EngineOptions): ViewContext {
  return { now: clock.now(), baseUrl, outcomes: workspace.outcomes, raw };
}

/** @throws ApiError 400 INVALID_PARAMETER_VALUE, as the SDKs expect it for a missing run */
export function findRun({ params }: ApiRequest, { workspace }: EngineOptions): Run {
  const runId = readId(params, 'run_id');
  const run = workspace.runs.get(runId);
  if (run === undefined) throw missingRun(runId);
  return run;
}

export function missingRun(runId: string): Error {
  return apiError('INVALID_PARAMETER_VALUE', `Run ${runId} does not exist`);
}

export function findJob({ params }: ApiRequest, { workspace }: EngineOptions): Job {
  return jobOf(params, workspace);
}
