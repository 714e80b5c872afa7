import type { WorkflowStartOptions } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';

import { isJsonObject } from '../connector/json';
import { TASK_MEMO_KEY } from '../connector/task-names';
import type { TaskTemplate } from '../connector/task-template';
import {
  CONNECTOR_EXTERNAL_ID,
  CONNECTOR_PHASE,
  CONNECTOR_PROJECT,
  CONNECTOR_TASK_TYPE,
} from './search-attributes';

/** What a task's workflow shows before its first step. */
export interface TaskLabels {
  readonly id: string;
  readonly template: TaskTemplate;
  /** The task's view, until it publishes one itself. */
  readonly view: object;
  /** Tells our own start from another one under the same id. */
  readonly startNonce: string;
  /** Whoever starts the same spec under this id joins. */
  readonly fingerprint?: string | undefined;
  /** Of a task that goes on from an earlier run, whose tokens it keeps: its own run ids do not tell them. */
  readonly tokenBase?: string | undefined;
  /** Of an ended task that is opened again under its id. */
  readonly goesOnFrom?: EarlierRun | undefined;
  /** Absent where the namespace lacks our search attributes. */
  readonly found?: FoundBy | undefined;
}

/** The run that a task was opened again from. */
export interface EarlierRun {
  readonly runId: string;
  /** When the task first began, epoch milliseconds. */
  readonly startedAt: number;
}

/** What a list finds it by, beside its type. */
export interface FoundBy {
  readonly phase: string;
  readonly externalId?: string | undefined;
  readonly project?: string | undefined;
}

type Labels = Pick<
  WorkflowStartOptions,
  'memo' | 'staticSummary' | 'staticDetails' | 'typedSearchAttributes'
>;

/** The same for every task, whoever opens it: a client, a repair, a reconciliation. */
export function toLabels({ id, template, found, ...labels }: TaskLabels): Labels {
  const { type, version, name = type } = template;
  const { fingerprint, tokenBase, goesOnFrom, startNonce, view } = labels;
  return {
    memo: {
      taskType: `${type} v${version}`,
      name,
      startNonce,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...(tokenBase === undefined ? {} : { tokenBase }),
      ...(goesOnFrom === undefined ? {} : { [EARLIER_RUN_KEY]: { ...goesOnFrom } }),
      [TASK_MEMO_KEY]: view,
    },
    staticSummary: `${type}: ${name}`.slice(0, SUMMARY_LIMIT),
    staticDetails: `### ${name}\n\nTask type **${type}**, id \`${id}\`. Its phase, links and attempts are under *Current details*.`,
    ...(found === undefined ? {} : { typedSearchAttributes: toSearchAttributes(type, found) }),
  };
}

const SUMMARY_LIMIT = 190;
/** Temporal refuses long attributes, and would refuse the start with them. */
const ATTRIBUTE_LIMIT = 200;

function toSearchAttributes(type: string, { phase, externalId, project }: FoundBy): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: CONNECTOR_TASK_TYPE, value: type },
    { key: CONNECTOR_PHASE, value: phase },
    ...(externalId === undefined
      ? []
      : [{ key: CONNECTOR_EXTERNAL_ID, value: externalId.slice(0, ATTRIBUTE_LIMIT) }]),
    ...(project === undefined ? [] : [{ key: CONNECTOR_PROJECT, value: project }]),
  ]);
}

/** Kept over continue-as-new, as all of a memo is. */
export const EARLIER_RUN_KEY = 'goesOnFrom';

/** Reads where a memo says that its task goes on from; undefined where it began as it is. */
export function earlierRunIn(memo: Record<string, unknown> | undefined): EarlierRun | undefined {
  const value = memo?.[EARLIER_RUN_KEY];
  if (!isJsonObject(value)) return undefined;
  const { runId, startedAt } = value;
  return typeof runId === 'string' && typeof startedAt === 'number' ? { runId, startedAt } : undefined;
}

/** The token base that such a task was started with. */
export function tokenBaseIn(memo: Record<string, unknown> | undefined): string | undefined {
  const tokenBase = memo?.['tokenBase'];
  return typeof tokenBase === 'string' ? tokenBase : undefined;
}

interface OfOneStart {
  readonly canceled?: unknown;
  readonly earlierAttempts?: unknown;
}

/** A task's input without what was meant for its last start alone: a cancel then, and whom it waited for. */
export function withoutLastStart<Input extends OfOneStart>(input: Input): Omit<Input, keyof OfOneStart> {
  const { canceled: _canceled, earlierAttempts: _earlier, ...kept } = input;
  return kept;
}
