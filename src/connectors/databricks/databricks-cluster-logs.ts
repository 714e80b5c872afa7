import {
  isJsonObject,
  LonghaulError,
  type JsonObject,
  type LogsPage,
  type LogsRequest,
} from '../../connector';
import type { Run } from './databricks-api';
import {
  LARGEST_CHUNK_BYTES,
  openDbfs,
  openVolume,
  type FileAccess,
  type FileStore,
  type RemoteFile,
} from './databricks-files';
import { numberAt, objectAt, objectsAt, parseLosslessJson, textAt } from './databricks-json';
import { createPage, cutLine, FIRST_PAGE, lastWithin, toLimit } from './databricks-log-page';
import { foreignToken } from './databricks-log-position';
import { selectTasks } from './databricks-logs';
import { isTerminalState } from './databricks-state';
import type { TaskRun } from './databricks-tasks';

/** A cluster of the run and where it delivers its logs. */
interface LoggingCluster {
  readonly clusterId: string;
  readonly destination: Destination;
  readonly tasks: readonly TaskRun[];
}

type Destination =
  | { readonly kind: 'volumes' | 'dbfs'; readonly folder: string }
  | { readonly kind: 's3'; readonly folder: string };

/** Bytes read of each file, by `<cluster>/<file>`; 1 for a note that was given already. */
type Offsets = Readonly<Record<string, number>>;

/** One page lists at most this many folders. */
const MOST_CLUSTERS = 20;

/**
 * A page of what the drivers of the run's clusters have delivered (`cluster_log_conf`) to a volume or to DBFS. What may
 * not be read, or is somewhere else, is said in a line of its own; it is no error.
 * @throws INVALID_TASK for a token that is not ours.
 */
export async function readClusterLogsPage(
  run: Run,
  request: LogsRequest,
  { tasks, access }: { readonly tasks: readonly TaskRun[]; readonly access: FileAccess },
): Promise<LogsPage> {
  const clusters = findClusters(run, selectTasks(tasks, request));
  const shown = clusters.slice(0, MOST_CLUSTERS);
  const offsets = request.pageToken === undefined ? undefined : parseToken(request.pageToken);
  const files = (await Promise.all(shown.map((cluster) => listCluster(cluster, access)))).flat();
  if (shown.length === 0) files.push(nowhere());
  const limit = toLimit(request.limit);
  const page =
    offsets === undefined ? await readTail(files, limit) : await readForward(files, limit, offsets);
  return { ...page, truncated: page.truncated || shown.length < clusters.length };
}

/** Something to be read: a delivered file, or a note in place of one. */
type Readable =
  | {
      readonly kind: 'file';
      readonly key: string;
      readonly label: string;
      readonly file: RemoteFile;
      readonly store: FileStore;
      /** Nothing is added any more. */
      readonly isFinal: boolean;
    }
  | { readonly kind: 'note'; readonly key: string; readonly text: string };

function findClusters(run: Run, tasks: readonly TaskRun[]): LoggingCluster[] {
  const shared = new Map(
    objectsAt(run.raw, 'job_clusters').map((one) => [
      textAt(one, 'job_cluster_key'),
      objectAt(one, 'new_cluster'),
    ]),
  );
  const clusters = new Map<string, LoggingCluster>();
  for (const task of tasks) {
    const clusterId = textAt(objectAt(task.raw, 'cluster_instance'), 'cluster_id');
    const own = task.raw['new_cluster'];
    const spec = isJsonObject(own) ? own : shared.get(textAt(task.raw, 'job_cluster_key'));
    const destination = toDestination(objectAt(spec ?? {}, 'cluster_log_conf'));
    if (clusterId === undefined || destination === undefined) continue;
    const known = clusters.get(clusterId)?.tasks ?? [];
    clusters.set(clusterId, { clusterId, destination, tasks: [...known, task] });
  }
  return [...clusters.values()];
}

function toDestination(conf: JsonObject): Destination | undefined {
  for (const kind of ['volumes', 'dbfs', 's3'] as const) {
    const folder = textAt(objectAt(conf, kind), 'destination')?.replace(/\/+$/, '');
    if (folder === undefined) continue;
    return { kind, folder: kind === 's3' ? folder : folder.replace(/^dbfs:/, '') };
  }
  return undefined;
}

async function listCluster(cluster: LoggingCluster, access: FileAccess): Promise<Readable[]> {
  const { clusterId, destination, tasks } = cluster;
  const folder = `${destination.folder}/${clusterId}/driver`;
  const label = [...new Set(tasks.map(labelOf))].join(', ');
  const note = (text: string): Readable => ({
    kind: 'note',
    key: `${clusterId}/!`,
    text: `[${label}] ${text}`,
  });
  if (destination.kind === 's3') {
    return [note(`The driver's logs are in ${folder}, which Databricks does not serve.`)];
  }
  const store = destination.kind === 'volumes' ? openVolume(access) : openDbfs(access);
  const isFinal = tasks.every(({ state }) => isTerminalState(state));
  try {
    const files = await store.list(folder);
    if (files === undefined) return isFinal ? [note(notDelivered(folder))] : [];
    return [...files].sort(byInterest).map((file) => toReadable(file, { cluster, label, store, isFinal }));
  } catch (thrown) {
    access.call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'PERMISSION_DENIED') throw thrown;
    return [
      note(`The driver's logs may not be read with the workspace's credentials: ${folder}${pageOf(tasks)}`),
    ];
  }
}

function notDelivered(folder: string): string {
  return `Nothing is in ${folder} yet: Databricks delivers every five minutes.`;
}

function pageOf(tasks: readonly TaskRun[]): string {
  const page = textAt(tasks[0]?.raw ?? {}, 'run_page_url');
  return page === undefined ? '' : ` (see ${page})`;
}

function nowhere(): Readable {
  const text =
    'No cluster of this run delivers its logs: set cluster_log_conf in its new_cluster, to a volume.';
  return { kind: 'note', key: '!', text };
}

interface About {
  readonly cluster: LoggingCluster;
  readonly label: string;
  readonly store: FileStore;
  readonly isFinal: boolean;
}

function toReadable(file: RemoteFile, { cluster, label, store, isFinal }: About): Readable {
  const key = `${cluster.clusterId}/${file.name}`;
  if (!file.name.endsWith('.gz')) {
    return { kind: 'file', key, label: `[${label} ${file.name}]`, file, store, isFinal };
  }
  return { kind: 'note', key, text: `[${label} ${file.name}] compressed, not shown: ${file.path}` };
}

function labelOf({ taskKey, attempt }: TaskRun): string {
  return attempt === 0 ? taskKey : `${taskKey} attempt ${attempt}`;
}

/** What a program printed comes first, the cluster's own words last. */
function byInterest(a: RemoteFile, b: RemoteFile): number {
  return rankOf(a) - rankOf(b) || a.name.localeCompare(b.name, 'en');
}

function rankOf({ name }: RemoteFile): number {
  const rank = ['stdout', 'stderr'].findIndex((start) => name.startsWith(start));
  return rank === -1 ? 2 : rank;
}

/** The end of each file, as much as its share of the page. */
const TAIL_BYTES = 64 * 1024;

async function readTail(readables: readonly Readable[], limit: number): Promise<LogsPage> {
  const share = Math.max(1, Math.floor(limit / Math.max(1, readables.length)));
  const offsets: Record<string, number> = {};
  const lines: string[] = [];
  for (const one of readables) {
    if (one.kind === 'note') {
      lines.push(one.text);
      offsets[one.key] = 1;
      continue;
    }
    const offset = Math.max(0, one.file.size - TAIL_BYTES);
    const taken = await readLines(one, offset);
    lines.push(...(offset === 0 ? taken.lines : taken.lines.slice(1)).slice(-share).map(({ text }) => text));
    offsets[one.key] = offset + taken.length;
  }
  return { lines: lastWithin(lines, limit), truncated: false, atEnd: true, nextPageToken: toToken(offsets) };
}

async function readForward(readables: readonly Readable[], limit: number, from: Offsets): Promise<LogsPage> {
  const page = createPage(limit);
  const offsets: Record<string, number> = { ...from };
  let isMore = false;
  for (const one of readables) {
    const offset = from[one.key] ?? 0;
    if (one.kind === 'note') {
      if (offset === 0 && page.add(one.text)) offsets[one.key] = 1;
      continue;
    }
    if (offset >= one.file.size) continue;
    if (page.isFull()) {
      isMore = true;
      continue;
    }
    const taken = await readLines(one, offset);
    const refused = taken.lines.findIndex(({ text }) => !page.add(text));
    const length = refused === -1 ? taken.length : (taken.lines[refused - 1]?.end ?? 0);
    offsets[one.key] = offset + length;
    isMore ||= refused !== -1 || (length > 0 && offset + length < one.file.size);
  }
  return {
    lines: page.lines,
    truncated: false,
    nextPageToken: toToken(offsets),
    ...(isMore ? {} : { atEnd: true }),
  };
}

interface TakenLines {
  /** `end`: bytes up to and with its line break. */
  readonly lines: readonly { readonly text: string; readonly end: number }[];
  readonly length: number;
}

const LINE_BREAK = 0x0a;

/** Whole lines of the next chunk; a last one without an end only when nothing is added to it, or it fills the chunk. */
async function readLines(
  { file, store, label, isFinal }: Extract<Readable, { kind: 'file' }>,
  offset: number,
): Promise<TakenLines> {
  if (offset >= file.size) return { lines: [], length: 0 };
  const { bytes, redact } = await store.read(file.path, { offset, length: LARGEST_CHUNK_BYTES });
  const lines: { text: string; end: number }[] = [];
  let start = 0;
  const take = (end: number, next: number): void => {
    const text = redact(bytes.subarray(start, end).toString('utf8').replace(/\r$/, ''));
    lines.push({ text: `${label} ${cutLine(text)}`, end: next });
    start = next;
  };
  for (let end = bytes.indexOf(LINE_BREAK); end !== -1; end = bytes.indexOf(LINE_BREAK, start)) {
    take(end, end + 1);
  }
  const isLast = isFinal && offset + bytes.length >= file.size;
  if (start < bytes.length && (isLast || (start === 0 && bytes.length === LARGEST_CHUNK_BYTES))) {
    take(bytes.length, bytes.length);
  }
  return { lines, length: start };
}

const PREFIX = 'c1_';

function toToken(offsets: Offsets): string {
  return `${PREFIX}${Buffer.from(JSON.stringify(offsets)).toString('base64url')}`;
}

function parseToken(token: string): Offsets {
  if (token === FIRST_PAGE) return {};
  if (!token.startsWith(PREFIX)) throw foreignToken(token);
  const value = parseJson(Buffer.from(token.slice(PREFIX.length), 'base64url').toString('utf8'));
  if (!isJsonObject(value)) throw foreignToken(token);
  return Object.fromEntries(Object.keys(value).map((key) => [key, Math.max(0, numberAt(value, key) ?? 0)]));
}

function parseJson(text: string): unknown {
  try {
    return parseLosslessJson(text);
  } catch {
    return undefined;
  }
}
