import type { FoundJob, JobFinder } from '../src/connector/job-finder';
import type { OpenTask } from './reconcile-ports';

/** Which jobs the open tasks follow, or may be starting just now. */
export interface Owners {
  add(task: OpenTask): void;
  /** By a finder's `jobKey`. Does an open execution other than `runId` follow this job? A list may show one open that has just closed. */
  follows(key: string, runId?: string): boolean;
  /** May this job be that of an attempt whose submit is under way? */
  mayBeStarting(job: Pick<FoundJob, 'marker'>, finder: JobFinder): boolean;
}

export function newOwners(finders: readonly JobFinder[]): Owners {
  const followers = new Map<string, string[]>();
  const markers = new Map(finders.map((finder) => [finder, new Set<string>()]));
  return {
    add: ({ meta, runId, tokens }) => {
      for (const [finder, known] of markers) for (const token of tokens) known.add(finder.markerOf(token));
      if (meta === undefined) return;
      for (const key of finders.flatMap((finder) => finder.jobKey(meta) ?? [])) {
        followers.set(key, [...(followers.get(key) ?? []), runId]);
      }
    },
    follows: (key, runId) => (followers.get(key) ?? []).some((follower) => follower !== runId),
    mayBeStarting: ({ marker }, finder) => marker !== undefined && markers.get(finder)?.has(marker) === true,
  };
}
