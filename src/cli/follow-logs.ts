import { setTimeout as sleep } from 'node:timers/promises';

import type { TaskClient, TaskLogsRequest } from '../client';
import type { LogsPage } from '../connector/connector';
import { LonghaulError } from '../connector/errors';
import type { Output } from './output';

export interface Followed {
  readonly id: string;
  readonly request: TaskLogsRequest;
  readonly output: Output;
}

/** Each look asks the workspace: soon while lines come, seldom while none do. */
const SHORTEST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 10_000;

/** Prints a task's logs as they grow, until the task has ended and all of it was read. @returns the exit code. */
export async function followLogs(tasks: TaskClient, followed: Followed): Promise<number> {
  const { id, output } = followed;
  let request = followed.request;
  let pauseMs = SHORTEST_PAUSE_MS;
  let truncated = false;
  const kept: string[] = [];
  for (;;) {
    const page = await readWhenStarted(tasks, id, request);
    if (page !== undefined) {
      show(page, output, kept);
      if (page.truncated && !truncated) output.note('The workspace kept only a part of this output.');
      truncated ||= page.truncated;
      if (page.nextPageToken === undefined) break;
      request = { ...request, pageToken: page.nextPageToken };
    }
    if (page !== undefined && page.atEnd !== true) continue;
    pauseMs = (page?.lines.length ?? 0) > 0 ? SHORTEST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
    await sleep(pauseMs);
  }
  if (output.format === 'json') output.result('', { lines: kept, truncated });
  return 0;
}

/** For machines there is one document, at the end. */
function show({ lines }: LogsPage, output: Output, kept: string[]): void {
  if (output.format === 'json') kept.push(...lines);
  else if (lines.length > 0) output.result(lines.join('\n'), {});
}

/** An open task that has no job yet is waited for; and what cannot be asked for a while is asked again. */
async function readWhenStarted(
  tasks: TaskClient,
  id: string,
  request: TaskLogsRequest,
): Promise<LogsPage | undefined> {
  try {
    return await tasks.logs(id, request);
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
    const { state, meta } = await tasks.get(id);
    const isEarly = state === 'OPEN' && (meta === undefined || error.retryable);
    if (isEarly) return undefined;
    throw error;
  }
}
