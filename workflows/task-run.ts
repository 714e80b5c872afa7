import {
  CancellationScope,
  setCurrentDetails,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

import { TASK_MEMO_KEY } from '../src/connector/task-names';
import type { RepairAsked } from './repair-request';
import { toMarkdown, toTaskView, type ViewExtras } from './task-view';
import { openState } from './task-state';
import type { TaskInput, TaskState } from './task-input';

const PHASE_KEY = defineSearchAttributeKey('ConnectorPhase', SearchAttributeType.KEYWORD);
const EXTERNAL_ID_KEY = defineSearchAttributeKey('ConnectorExternalId', SearchAttributeType.KEYWORD);

/** One running task: its input, its memory, and the scopes by which signals reach what it is doing. */
export interface TaskRun {
  readonly input: TaskInput;
  state: TaskState;
  /** Everything that a cancel interrupts. */
  readonly work: CancellationScope;
  /** The poll or sleep that a nudge may cut short; absent while nothing may be cut. */
  waiting?: { readonly scope: CancellationScope; readonly kind: 'look' | 'pause' } | undefined;
  /** The effort to stop a job, which new credentials begin anew. */
  stopping?: CancellationScope | undefined;
  /** When the last nudge takes effect; later than now while one is planned. */
  nudgedAt: number;
  /** The next look comes no earlier: it keeps its distance from the last change or nudge. */
  notBefore?: number;
  /** The repair that a person waits for. */
  repairAsked?: RepairAsked | undefined;
  shown: { phase: string; externalId: string | undefined };
  /** What the last view said beside the task's memory: still true when only the memory changes. */
  words: PublishedWords;
}

type PublishedWords = Omit<ViewExtras, 'now'>;

export function openTask(input: TaskInput): TaskRun {
  const { carried, template } = input;
  const state =
    carried === undefined
      ? openState(input, workflowInfo().originalExecutionRunId, Date.now())
      : { ...carried, template };
  const shown = input.carried === undefined ? 'QUEUED' : state.resource.phase;
  const externalId = state.attempts[state.attempt - 1]?.externalId;
  return {
    input,
    state,
    work: new CancellationScope(),
    nudgedAt: 0,
    words: {},
    shown: { phase: shown, externalId: input.carried === undefined ? undefined : externalId },
  };
}

/** Shows the task's state everywhere a person or `describe` looks. */
export function publish(task: TaskRun, words: PublishedWords = {}): void {
  task.words = words;
  const view = toTaskView(task.state, { ...words, now: Date.now() });
  upsertMemo({ [TASK_MEMO_KEY]: view });
  setCurrentDetails(toMarkdown(view, task.state));
  if (task.input.searchAttributes) publishSearchAttributes(task);
}

/** Temporal refuses long attributes, and would refuse the workflow task with them. */
const ATTRIBUTE_LIMIT = 200;

function publishSearchAttributes(task: TaskRun): void {
  const phase = task.state.resource.phase;
  const externalId = task.state.attempts[task.state.attempt - 1]?.externalId?.slice(0, ATTRIBUTE_LIMIT);
  if (phase === task.shown.phase && externalId === task.shown.externalId) return;
  task.shown = { phase, externalId };
  upsertSearchAttributes([
    { key: PHASE_KEY, value: phase },
    { key: EXTERNAL_ID_KEY, value: externalId ?? null },
  ]);
}
