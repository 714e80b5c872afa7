import type { EngineOptions } from './engine-options';
import type { Attempt, Run } from './model';
import { clusterIdOf } from './views';
import { isWireObject, readObject, readText, type WireObject } from './wire-json';

/** A file that a cluster has delivered to where its `cluster_log_conf` says. */
export interface DeliveredFile {
  /** Without `dbfs:`. */
  readonly path: string;
  readonly read: () => Buffer;
}

const LARGEST_LOG_BYTES = 20 * 1024 * 1024;

/**
 * The driver's files of every attempt that has begun: what its program printed is in `stdout` at once (Databricks takes
 * five minutes), `stderr` is empty, because the simulator keeps one file for both.
 */
export function deliveredFiles({ workspace, python }: EngineOptions): DeliveredFile[] {
  return [...workspace.runs.values()].flatMap((run) =>
    run.attempts.flatMap((attempt) => {
      const folder = folderOf(run, attempt);
      if (folder === undefined || attempt.executionAt === undefined) return [];
      const printed = (): Buffer =>
        attempt.process === true
          ? Buffer.from(python.readLog(attempt.runId, LARGEST_LOG_BYTES).text)
          : Buffer.from(attempt.output?.logs ?? '');
      return [
        { path: `${folder}/stdout`, read: printed },
        { path: `${folder}/stderr`, read: () => Buffer.alloc(0) },
      ];
    }),
  );
}

function folderOf(run: Run, attempt: Attempt): string | undefined {
  const body = run.tasks.find(({ key }) => key === attempt.taskKey)?.body ?? {};
  const cluster = readObject(body, 'new_cluster') ?? sharedCluster(body, run);
  const conf = cluster === undefined ? undefined : readObject(cluster, 'cluster_log_conf');
  const target = conf === undefined ? undefined : (readObject(conf, 'volumes') ?? readObject(conf, 'dbfs'));
  const destination = target === undefined ? undefined : readText(target, 'destination');
  if (destination === undefined) return undefined;
  return `${destination.replace(/^dbfs:/, '').replace(/\/+$/, '')}/${clusterIdOf(attempt)}/driver`;
}

function sharedCluster(body: WireObject, { echo }: Run): WireObject | undefined {
  const key = readText(body, 'job_cluster_key');
  const clusters = echo['job_clusters'];
  if (key === undefined || !Array.isArray(clusters)) return undefined;
  const found = clusters.filter(isWireObject).find((one) => one['job_cluster_key'] === key);
  return found === undefined ? undefined : readObject(found, 'new_cluster');
}
