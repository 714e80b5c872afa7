import type { Observed } from '../src/connector/activity-contract';
import { failedEnd, type TaskEnd } from './task-end';
import { publish, type TaskRun } from './task-run';
import { isConsistent, noteJob, observe } from './task-state';

/** Takes an observation into the task's memory and shows it; an end only where the connector contradicts itself. */
export function note(task: TaskRun, seen: Observed, posts?: number): TaskEnd | undefined {
  const { observation } = seen;
  if (!isConsistent(observation)) {
    const { phase } = observation.resource;
    task.state = noteJob(task.state, seen);
    return failedEnd('INTERNAL', `the connector says ${observation.next.kind} in phase ${phase}`, 'stop');
  }
  const counted = posts === undefined ? {} : { posts };
  task.state = observe(task.state, { ...seen, ...counted, now: Date.now() });
  if (observation.next.kind !== 'done') publish(task);
  return undefined;
}
