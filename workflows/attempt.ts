import type { NextStep } from '../src/connector/observation';
import { concludeOrRepair } from './conclude';
import { continueAsNewWhenLong } from './continue';
import { execute } from './execute';
import { look } from './look';
import { sleepUntil } from './pause';
import { submit } from './submit';
import type { TaskEnd } from './task-end';
import type { TaskRun } from './task-run';

/** Runs one external job to its end; `again` when another attempt was decided. */
export async function runAttempt(task: TaskRun): Promise<TaskEnd | 'again'> {
  if (task.state.next === undefined) {
    const ended = await submit(task);
    if (ended !== undefined) return ended;
  }
  for (let next = task.state.next; next !== undefined; next = task.state.next) {
    if (next.kind !== 'done') await continueAsNewWhenLong(task);
    const ended = await follow(task, next);
    if (ended !== undefined) return ended;
  }
  return 'again';
}

/** Does what the last observation says; an end when the task is over, nothing when there is a new observation. */
async function follow(task: TaskRun, next: NextStep): Promise<TaskEnd | undefined> {
  switch (next.kind) {
    case 'done':
      return concludeOrRepair(task, next.verdict);
    case 'sleep': {
      const expired = await sleepUntil(task, next.until);
      if (expired !== undefined) return expired;
      return look(task, { kind: 'poll', ...(next.profile === undefined ? {} : { profile: next.profile }) });
    }
    case 'poll':
      return look(task, next);
    case 'execute':
      return execute(task, next);
    default:
      return next satisfies never;
  }
}
