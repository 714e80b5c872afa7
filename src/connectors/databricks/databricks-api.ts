import { LonghaulError, readAllPages, type JsonObject, type ReadPages } from '../../connector';
import type { DatabricksClient, RequestContext } from './databricks-client';
import { objectsAt, textAt } from './databricks-json';

/** A run as `runs/get` shows it, all pages of its arrays together. */
export interface RecordedRun {
  /** The first page: its state is the oldest, so a run is never called terminal too early. */
  readonly raw: JsonObject;
  /** One entry per attempt of a task, each task run once. */
  readonly tasks: readonly JsonObject[];
  /** `repair_history`, where it was asked for: the original run, then each repair, in their order. */
  readonly repairs: readonly JsonObject[];
}

/** A run as it was read just now. */
export interface Run extends RecordedRun {
  /** Pages were cut short, because the other side repeated one or gave too many. */
  readonly isPartial: boolean;
  /** How many requests it took. */
  readonly requests: number;
  /** Of the API, as far as the host knows it. */
  readonly apiVersion: DatabricksClient['apiVersion'];
}

/** 1,000 tasks and their repairs come in pages of 100. */
const MOST_PAGES = 200;

/** The arrays of a run that API 2.2 pages, all by the same token. Of equal ids only the first is kept. */
const PAGED_ARRAYS: Readonly<Record<string, string>> = {
  tasks: 'run_id',
  iterations: 'run_id',
  job_clusters: 'job_cluster_key',
  job_parameters: 'name',
  repair_history: 'id',
};

/** Reads a run with all its pages. @throws RUN_GONE when it does not exist. */
export function readRun(client: DatabricksClient, runId: string, context: RequestContext): Promise<Run> {
  return readWholeRun(client, { run_id: runId }, context);
}

/** The same with `repair_history`: which repair started which task run, and what a chain of repairs is built on. */
export function readRunWithHistory(
  client: DatabricksClient,
  runId: string,
  context: RequestContext,
): Promise<Run> {
  return readWholeRun(client, { run_id: runId, include_history: 'true' }, context);
}

async function readWholeRun(
  client: DatabricksClient,
  query: Readonly<Record<string, string>>,
  context: RequestContext,
): Promise<Run> {
  const request = { operation: 'read', path: 'runs/get', query } as const;
  const { pages, isPartial } = await readPages(client, request, context);
  const [first = {}] = pages;
  const arrays = Object.entries(PAGED_ARRAYS).map(([key, id]) => [key, distinct(pages, key, id)] as const);
  const found = Object.fromEntries(arrays.filter(([key]) => pages.some((page) => page[key] !== undefined)));
  const { tasks = [], repair_history: repairs = [] } = found;
  const { apiVersion } = client;
  return { raw: { ...first, ...found }, tasks, repairs, isPartial, requests: pages.length, apiVersion };
}

/** A GET whose answer may come in pages. */
interface PagedRequest {
  readonly operation: 'read' | 'list';
  readonly root?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly mostPages?: number;
}

/** Reads all pages, whatever is on them. Those after the first go before the looks that others begin. */
export function readPages(
  client: DatabricksClient,
  { mostPages = MOST_PAGES, ...first }: PagedRequest,
  context: RequestContext,
): Promise<ReadPages<JsonObject>> {
  return readAllPages({
    ask: (token) => {
      if (token === undefined) return client.send(first, context);
      const query = { ...first.query, page_token: token };
      return client.send({ ...first, query }, { lane: 'rest', ...context });
    },
    nextTokenOf: (page) => textAt(page, 'next_page_token'),
    mostPages,
  });
}

/** A page that comes twice, or shifts because the run has changed meanwhile, must not count anything twice. */
function distinct(pages: readonly JsonObject[], key: string, idKey: string): JsonObject[] {
  const known = new Set<string>();
  return pages
    .flatMap((page) => objectsAt(page, key))
    .filter((item) => {
      const id = textAt(item, idKey) ?? JSON.stringify(item);
      if (known.has(id)) return false;
      known.add(id);
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

/** Databricks gives no more at once. */
const LISTED_RUNS = 25;

export interface RunsPage {
  readonly runs: readonly JsonObject[];
  readonly nextPageToken?: string;
}

/** One page of the runs that are QUEUED, PENDING, RUNNING or TERMINATING, newest first. */
export async function listActiveRuns(
  client: DatabricksClient,
  pageToken: string | undefined,
  context: RequestContext,
): Promise<RunsPage> {
  const page = pageToken === undefined ? {} : { page_token: pageToken };
  const query = { active_only: 'true', limit: String(LISTED_RUNS), ...page };
  const answer = await client.send({ operation: 'list', path: 'runs/list', query }, context);
  const nextPageToken = textAt(answer, 'next_page_token');
  return { runs: objectsAt(answer, 'runs'), ...(nextPageToken === undefined ? {} : { nextPageToken }) };
}

/**
 * Begins a repair of an ended run. Never sent twice for one repair: see `databricks-repair.ts`.
 * @returns its id. @throws UNAVAILABLE also for an answer without an id: the run's history then tells.
 */
export async function startRepair(
  client: DatabricksClient,
  request: Omit<StartRequest, 'operation'>,
  context: RequestContext,
): Promise<string> {
  const answer = await client.send({ operation: 'repair', path: 'runs/repair', ...request }, context);
  const repairId = textAt(answer, 'repair_id');
  if (repairId !== undefined && /^\d+$/.test(repairId)) return repairId;
  throw new LonghaulError('UNAVAILABLE', 'Databricks accepted the repair but did not answer with its id.');
}
