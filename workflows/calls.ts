import type { ConnectorCall } from '../src/connector/activity-contract';
import type { WaitProfile } from '../src/connector/observation';
import type { StepOptions } from './activity-proxies';
import { waitsForQuota } from './quota';
import type { TaskRun } from './task-run';

/** What every call of a connector carries: by this the worker finds the connector. */
export function callOf(task: TaskRun): ConnectorCall {
  const { template, taskExecution } = task.input;
  const taskCategory = { name: template.type, version: template.version };
  const { connection } = task.state;
  const { failure } = task.input.policy;
  const quotaWaits = waitsForQuota(task.state);
  return {
    taskCategory,
    ...(taskExecution === undefined ? {} : { taskExecution }),
    ...(connection === undefined ? {} : { connection }),
    ...(failure === undefined ? {} : { failurePolicy: failure }),
    ...(quotaWaits === 0 ? {} : { quotaWaits }),
  };
}

/** How a call appears on the timeline, until when it may last, and where it runs. */
export function stepOf(summary: string, spanMs: number | undefined, profile?: WaitProfile): StepOptions {
  return {
    summary,
    ...(spanMs === undefined ? {} : { scheduleToCloseMs: spanMs }),
    ...(profile === undefined ? {} : { profile }),
  };
}
