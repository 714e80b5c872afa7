import { LonghaulError, type JsonObject } from '../../connector';
import type { DatabricksClient, RequestContext } from './databricks-client';
import { objectsAt, textAt } from './databricks-json';

/** A run as `runs/get` shows it, all pages of its tasks together. */
export interface Run {
  /** The first page: its state is the oldest, so a run is never called terminal too early. */
  readonly raw: JsonObject;
  /** One entry per attempt of a task, each task run once. */
  readonly tasks: readonly JsonObject[];
  /** Pages were cut short, because the other side repeated one or gave too many. */
  readonly isPartial: boolean;
  /** `repair_history`, where it was asked for: the original run, then each repair, in their order. */
  readonly repairs: readonly JsonObject[];
}

/** 1,000 tasks and their repairs come in pages of 100; more pages than this are a fault of the other side. */
const LARGEST_PAGE_COUNT = 200;

/** Reads a run with all its task pages. @throws RUN_GONE when it does not exist. */
export function readRun(client: DatabricksClient, runId: string, context: RequestContext): Promise<Run> {
  return readPages(client, { run_id: runId }, context);
}

/** As {@link readRun}, with the history of its repairs: what a chain of repairs is built on. */
export function readRunWithRepairs(
  client: DatabricksClient,
  runId: string,
  context: RequestContext,
): Promise<Run> {
  return readPages(client, { run_id: runId, include_history: 'true' }, context);
}

async function readPages(
  client: DatabricksClient,
  query: Readonly<Record<string, string>>,
  context: RequestContext,
): Promise<Run> {
  const first = await readRunPage(client, query, context);
  const pages = [first];
  const seen = new Set<string>();
  let token = textAt(first, 'next_page_token');
  while (token !== undefined && !seen.has(token) && pages.length < LARGEST_PAGE_COUNT) {
    seen.add(token);
    const page = await readRunPage(client, { ...query, page_token: token }, context);
    pages.push(page);
    token = textAt(page, 'next_page_token');
  }
  const repairs = pages.flatMap((page) => objectsAt(page, 'repair_history'));
  return { raw: first, tasks: distinctTasks(pages), isPartial: token !== undefined, repairs };
}

function readRunPage(
  client: DatabricksClient,
  query: Readonly<Record<string, string>>,
  context: RequestContext,
): Promise<JsonObject> {
  return client.send({ operation: 'read', path: 'runs/get', query }, context);
}

/** A page that comes twice must not count its tasks twice. */
function distinctTasks(pages: readonly JsonObject[]): JsonObject[] {
  const tasks = pages.flatMap((page) => objectsAt(page, 'tasks'));
  const known = new Set<string>();
  return tasks.filter((task) => {
    const runId = textAt(task, 'run_id');
    if (runId === undefined) return true;
    if (known.has(runId)) return false;
    known.add(runId);
    return true;
  });
}

/** Output of one task run: error, trace, logs. Not of a job run, which Databricks refuses. */
export function readTaskOutput(
  client: DatabricksClient,
  taskRunId: string,
  context: RequestContext,
): Promise<JsonObject> {
  return client.send({ operation: 'read', path: 'runs/get-output', query: { run_id: taskRunId } }, context);
}

/** Asks a run to stop; it may go on running for a while. */
export async function cancelRun(
  client: DatabricksClient,
  runId: string,
  context: RequestContext,
): Promise<void> {
  await client.send({ operation: 'cancel', path: 'runs/cancel', body: { run_id: runId } }, context);
}

export interface StartRequest {
  readonly operation: 'submit' | 'run-now';
  readonly body: JsonObject;
  readonly secrets: readonly string[];
  readonly announce: () => void;
}

/**
 * Starts a run, or finds the one that the body's token has started before.
 * @returns its run id. @throws UNAVAILABLE also for an answer without an id: the same token may be sent again.
 */
export async function startRun(
  client: DatabricksClient,
  request: StartRequest,
  context: RequestContext,
): Promise<string> {
  const path = request.operation === 'submit' ? 'runs/submit' : 'run-now';
  const answer = await client.send({ ...request, path }, context);
  const runId = textAt(answer, 'run_id');
  if (runId !== undefined && /^\d+$/.test(runId)) return runId;
  throw new LonghaulError('UNAVAILABLE', 'Databricks accepted the run but did not answer with its run id.');
}

/**
 * Begins a repair of an ended run. Never sent twice for one repair: see `databricks-repair.ts`.
 * @returns its id. @throws UNAVAILABLE also for an answer without an id: the run's history then tells.
 */
export async function startRepair(
  client: DatabricksClient,
  request: Pick<StartRequest, 'body' | 'secrets'>,
  context: RequestContext,
): Promise<string> {
  const answer = await client.send({ operation: 'repair', path: 'runs/repair', ...request }, context);
  const repairId = textAt(answer, 'repair_id');
  if (repairId !== undefined && /^\d+$/.test(repairId)) return repairId;
  throw new LonghaulError('UNAVAILABLE', 'Databricks accepted the repair but did not answer with its id.');
}
