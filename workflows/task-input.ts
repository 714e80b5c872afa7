import { toIdempotencyToken } from '../src/connector/task-names';
import type { Connection } from '../src/connector/connection';
import type { CreateRequest, Fence } from '../src/connector/connector';
import type { ErrorCode } from '../src/connector/errors';
import type { JsonObject, JsonValue } from '../src/connector/json';
import type { FailureCause, NextStep } from '../src/connector/observation';
import type { TaskPhase } from '../src/connector/phase';
import type { Resource } from '../src/connector/resource';
import type { ResourceMeta } from '../src/connector/resource-meta';
import type { TaskPolicy } from '../src/connector/task-policy';
import type { TaskExecutionMetadata, TaskTemplate } from '../src/connector/task-template';
import type { Trouble } from '../src/connector/activity-contract';

/** What a task is started with. JSON; secrets appear as references only. */
export interface TaskInput {
  readonly template: TaskTemplate;
  readonly inputs?: JsonValue;
  readonly outputPrefix?: string;
  readonly taskExecution?: TaskExecutionMetadata;
  readonly policy: TaskPolicy;
  /** What the connector declared when the task was accepted. */
  readonly routing: TaskRouting;
  /** Credentials that came with the task; renewed by the signal `renewConnection`. */
  readonly connection?: Connection;
  /** A job that somebody else started: this task follows it and starts nothing. */
  readonly adopted?: AdoptedJob;
  /** Workflow ids of earlier attempts that must have closed before this one submits (Flyte owns the attempts). */
  readonly earlierAttempts?: readonly string[];
  /** Set by a reconciliation: canceled from its first step on, so that it only stops the job it is given. */
  readonly canceled?: CancelSignal;
  /** Off where the namespace lacks our search attributes. */
  readonly searchAttributes: boolean;
  /** Events after which the workflow continues as new; the server's own advice when absent. */
  readonly continueAfterEvents?: number;
  /** Set by continue-as-new, and where an ended task is opened again. */
  readonly carried?: CarriedState;
  /** This opens an ended task again: its job is repaired with these options before anything else. */
  readonly repairFirst?: JsonObject;
}

export interface AdoptedJob {
  readonly meta: ResourceMeta;
  readonly externalId: string;
}

export interface TaskRouting {
  readonly polls: string;
  readonly control: string;
  readonly fence: Fence;
  readonly repair: boolean;
  /** The template names something that is looked up before each attempt's first submit. */
  readonly prepare?: boolean;
}

/** One attempt in the receipt: what was sent and what it started. Times in epoch milliseconds. */
export interface AttemptReceipt {
  readonly attempt: number;
  readonly token: string;
  /** Requests that may have started something; 1 when no reply was lost. */
  readonly posts: number;
  readonly externalId?: string;
  readonly submittedAt?: number;
  readonly runningAt?: number;
  readonly endedAt?: number;
  /** Repairs of this attempt's job in place, and when the last one began: deadlines count anew from there. */
  readonly repairs?: number;
  readonly repairedAt?: number;
  /** How the job had ended each time before it was repaired. */
  readonly repairedEnds?: readonly RepairedEnd[];
  /** It ended on a quota, for which the task waits: it spends time and no attempt. */
  readonly waitsForQuota?: boolean;
  /** The phase the external job was last seen in. */
  readonly phase?: string;
  readonly message?: string;
  /** What was decided after it, with the reason. */
  readonly decision?: string;
}

/** One end of a job that was run again in place. */
export type RepairedEnd = Pick<AttemptReceipt, 'endedAt' | 'phase' | 'message' | 'decision'>;

export interface CancelReceipt {
  readonly requestedAt: number;
  readonly by?: string;
  readonly reason?: string;
  /** When the job was seen terminal; absent while unconfirmed. */
  readonly stoppedAt?: number;
  readonly outcome?: string;
}

export interface TaskReceipt {
  readonly attempts: readonly AttemptReceipt[];
  readonly cancel?: CancelReceipt;
}

/** The workflow's result, and the first detail of its failure. */
export interface TaskResult {
  readonly resource: Resource;
  readonly meta?: ResourceMeta;
  readonly receipt: TaskReceipt;
  /** Of a failure: whose fault it is, where the vendor's words tell. */
  readonly cause?: FailureCause;
}

/** The result of the `repair` update: the job that goes on. */
export interface RepairAnswer {
  readonly externalId: string;
  readonly phase: TaskPhase;
}

/** Who cancels and why: the argument of the `cancel` signal, all optional. */
export interface CancelSignal {
  readonly by?: string;
  readonly reason?: string;
}

/** All that a task remembers; carried whole over continue-as-new. */
export interface TaskState {
  /** `originalExecutionRunId` of the first run: stable under Reset, carried over continue-as-new. */
  readonly tokenBase: string;
  readonly startedAt: number;
  readonly attempt: number;
  /** True from the moment a `create` or `repair` is scheduled until the job is seen terminal. */
  readonly mayBeRunning: boolean;
  readonly template: TaskTemplate;
  readonly resource: Resource;
  readonly meta?: ResourceMeta;
  readonly next?: NextStep;
  readonly attempts: readonly AttemptReceipt[];
  readonly trouble?: Trouble;
  readonly cancel?: CancelReceipt;
  readonly connection?: Connection;
  /** What was looked up for the current attempt before its first submit. */
  readonly prepared?: JsonObject;
  /** The durable pause before the next attempt, when one was decided. */
  readonly resumeAt?: number;
  /** The failure this task closes with when the pause is over and nobody has repaired its job. */
  readonly failed?: TaskFailure;
  /** The options of a repair that was asked for and not answered yet. */
  readonly repairing?: JsonObject;
}

export interface TaskFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cause?: FailureCause;
}

/** The template travels once: twice a megabyte would be more than Temporal takes. */
export type CarriedState = Omit<TaskState, 'template'>;

/** The input of the next run when this one continues as new. */
export function carry(input: TaskInput, state: TaskState): TaskInput {
  const { template, ...carried } = state;
  const { repairFirst: _repairFirst, ...kept } = input;
  return { ...kept, template, carried };
}

/** Takes the place of an attempt that was never started: of the same type, with nothing to do, canceled at once. */
export function toStandIn({ template, policy, routing, searchAttributes }: TaskInput): JsonObject {
  const { type, version, name } = template;
  return {
    template: { type, version, custom: {}, ...(name === undefined ? {} : { name }) },
    policy: { ...policy },
    routing: { ...routing },
    searchAttributes,
  };
}

/** The request of the current attempt: the same in every try. */
export function toCreateRequest(input: TaskInput, state: TaskState): CreateRequest {
  return {
    template: state.template,
    idempotencyToken: toIdempotencyToken(state),
    ...(state.prepared === undefined ? {} : { prepared: state.prepared }),
    ...(input.inputs === undefined ? {} : { inputs: input.inputs }),
    ...(input.outputPrefix === undefined ? {} : { outputPrefix: input.outputPrefix }),
    ...(input.taskExecution === undefined ? {} : { taskExecution: input.taskExecution }),
  };
}

/** Lays a resubmit's patch over `custom`: objects are merged, all else is replaced. */
export function applyPatch(value: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, JsonValue> = { ...value };
  for (const [key, item] of Object.entries(patch)) {
    const present = merged[key];
    merged[key] = isMergeable(present) && isMergeable(item) ? applyPatch(present, item) : item;
  }
  return merged;
}

function isMergeable(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
