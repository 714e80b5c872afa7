import { LonghaulError, type RatedTaskQueues, type TaskQueues } from '../../connector';
import { SHARE_OF_LOOKS, toBudget } from './databricks-budget';
import type { WorkspaceAsker, WorkspaceDirectory } from './databricks-directory';
import { toInstance, type WorkspaceHost } from './databricks-workspace';

/** The pairs of task queues of the workspaces that have limits, one for each host. */
export function ratedQueuesOf(directory: WorkspaceDirectory, usual: TaskQueues): RatedTaskQueues[] {
  const limited = placesOf(directory).filter((place) => limitedPlace(directory, place.host) === place);
  return limited.map((place) => ({
    ...pairOf(place, usual),
    pollsPerSecond: toBudget(place.limits).requestsPerSecond * SHARE_OF_LOOKS,
  }));
}

/**
 * Where the tasks of a workspace run: its own pair if it has limits. A process that does not know the workspace takes
 * the usual pair, which every worker serves.
 */
export function queuesFor(
  directory: WorkspaceDirectory,
  { selector, asker }: AskedWorkspace,
  usual: TaskQueues,
): TaskQueues {
  const host = hostOf(directory, { selector, asker });
  const place = host === undefined ? undefined : limitedPlace(directory, host);
  return place === undefined ? usual : pairOf(place, usual);
}

/** A workspace as a task or a run asks for it. */
export interface AskedWorkspace {
  /** Name or host; undefined: the one that is meant for the asker. */
  readonly selector: string | undefined;
  readonly asker?: WorkspaceAsker | undefined;
}

/** A budget is the host's: of several workspaces there, the first that has limits gives them. */
export function limitedPlace(directory: WorkspaceDirectory, host: string): WorkspaceHost | undefined {
  return placesOf(directory).find((place) => place.host === host && place.limits !== undefined);
}

function placesOf({ workspaces, hostsOnly }: WorkspaceDirectory): readonly WorkspaceHost[] {
  return [...workspaces, ...hostsOnly];
}

function hostOf(directory: WorkspaceDirectory, { selector, asker }: AskedWorkspace): string | undefined {
  try {
    return directory.resolveHost(selector, asker).host;
  } catch (thrown) {
    if (thrown instanceof LonghaulError) return undefined;
    throw thrown;
  }
}

/** By the host and not by the name: a workspace may be named otherwise where tasks are started. */
function pairOf({ host }: WorkspaceHost, usual: TaskQueues): TaskQueues {
  const polls = `${usual.polls}:${toInstance(host)}`;
  return { polls, control: `${polls}:control` };
}
