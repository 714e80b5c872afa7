import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';
import type { TaskMetric } from '../connector/connector';
import type { TaskReceipt, TaskResult } from '../../workflows/task-input';
import { repairWaitOf } from './repair-wait';
import { isInRepairWindow, type TaskState, type TaskStatus } from './task-status';

/** Why a part of a job failed. */
export interface TaskCause {
  /** Which part; absent where the job is one. `a/b`: b inside of a. */
  readonly task?: string;
  readonly externalId?: string;
  readonly code?: string;
  readonly type?: string;
  /** One line. */
  readonly error: string;
  readonly trace?: string;
  /** How many others failed beside it, where nothing else is known of them: `2 more tasks failed`. */
  readonly more?: string;
}

/** All that can be told of one task, for a person who asks what became of it. */
export interface TaskReport {
  readonly status: TaskStatus;
  readonly receipt: TaskReceipt;
  /** Of the last attempt's job, one for each attempt of each of its tasks; empty where none could be read. */
  readonly metrics: readonly TaskMetric[];
  /** Why there are none. */
  readonly metricsMissing?: string;
  /** The first to fail first; empty unless the task failed, or waits in its repair window. */
  readonly causes: readonly TaskCause[];
  /** Why the job of a succeeded task had failed before repairs healed it, in their order. */
  readonly healed: readonly TaskCause[];
  /** Tasks of the job that were skipped because of the failures. */
  readonly skipped: number;
  /** When this was put together, epoch milliseconds. */
  readonly madeAt: number;
}

export interface ReportParts {
  readonly status: TaskStatus;
  readonly result: TaskResult | undefined;
  readonly metrics: readonly TaskMetric[];
  readonly metricsMissing?: string;
  readonly now: number;
}

/** A workflow that was ended from outside has failed too. */
const FAILED_STATES: ReadonlySet<TaskState> = new Set(['FAILED', 'TERMINATED', 'TIMED_OUT']);

export function toTaskReport({ status, result, metrics, metricsMissing, now }: ReportParts): TaskReport {
  const facts = result?.resource.customInfo ?? {};
  const skipped = facts['tasks_skipped'];
  const receipt = result?.receipt ?? status.receipt ?? { attempts: [] };
  return {
    status,
    receipt,
    metrics,
    ...(metricsMissing === undefined ? {} : { metricsMissing }),
    causes: hasFailed(status) ? causesOf(status, facts) : [],
    healed: status.state === 'COMPLETED' ? healedIn(receipt) : [],
    skipped: typeof skipped === 'number' ? skipped : 0,
    madeAt: now,
  };
}

function hasFailed(status: TaskStatus): boolean {
  return FAILED_STATES.has(status.state) || isInRepairWindow(status);
}

function healedIn({ attempts }: TaskReceipt): TaskCause[] {
  return attempts.flatMap(({ externalId, repairedEnds = [] }) =>
    repairedEnds.map(({ message, decision, phase }) => {
      const words = message ?? decision ?? `it ended ${phase ?? 'without a word'}`;
      const more = MORE_FAILED.exec(words)?.[0];
      return {
        error: firstWhole(words),
        ...(externalId === undefined ? {} : { externalId }),
        ...(more === undefined ? {} : { more }),
      };
    }),
  );
}

const MORE_FAILED = /^\d+ more tasks? failed$/m;
/** The receipt keeps so much of a message. */
const KEPT_CHARACTERS = 200;

/** The first line; where the receipt cut it, up to a whole word. */
function firstWhole(message: string): string {
  const [line = '', ...others] = message.split('\n');
  const isCut = others.length === 0 && message.length >= KEPT_CHARACTERS;
  return isCut ? `${line.replace(/\s+\S*$/, '')}…` : line;
}

/** What the connector found; else what the task itself says. */
function causesOf(status: TaskStatus, facts: JsonObject): TaskCause[] {
  const listed = facts['causes'];
  const found = isList(listed) ? listed.filter(isJsonObject).flatMap(parseCause) : [];
  if (found.length > 0) return found;
  const { message, code } = status;
  const words = repairWaitOf(status)?.failure ?? message;
  const error = words?.split('\n')[0] ?? 'no reason was given';
  return [{ error, ...(code === undefined ? {} : { code }) }];
}

function parseCause(value: JsonObject): TaskCause[] {
  const { error } = value;
  if (typeof error !== 'string') return [];
  const text = (key: string): string | undefined => {
    const member = value[key];
    return typeof member === 'string' && member !== '' ? member : undefined;
  };
  const optional = { task: text('taskKey'), externalId: text('runId'), code: text('code') };
  const present = Object.entries({ ...optional, type: text('type'), trace: text('trace') });
  return [{ error, ...Object.fromEntries(present.filter(([, member]) => member !== undefined)) }];
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
