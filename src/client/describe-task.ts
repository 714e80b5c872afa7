import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

type RawDescription = WorkflowExecutionDescription['raw'];
type RawInfo = NonNullable<RawDescription['workflowExecutionInfo']>;

/** What a `describe` tells, as far as tasks need it. */
export interface DescribedTask extends Pick<
  WorkflowExecutionDescription,
  'workflowId' | 'runId' | 'type' | 'startTime' | 'closeTime' | 'historyLength' | 'taskQueue' | 'raw'
> {
  readonly status: { readonly name: string };
  readonly memo?: Record<string, unknown> | undefined;
}

/**
 * One `describe` without what the SDK makes of it besides: a service that answers hundreds a second pays for every
 * decoded payload. Only these keys of the memo are read, as plain JSON. Throws as gRPC does.
 */
export async function describeLightly(
  client: Client,
  workflowId: string,
  memoKeys: readonly string[],
): Promise<DescribedTask> {
  const { namespace } = client.options;
  const raw = await client.workflowService.describeWorkflowExecution({
    namespace,
    execution: { workflowId },
  });
  const info = raw.workflowExecutionInfo ?? {};
  const closeTime = toDate(info.closeTime);
  return {
    workflowId,
    runId: info.execution?.runId ?? '',
    type: info.type?.name ?? '',
    status: { name: statusName(info) },
    memo: readMemo(info, memoKeys),
    startTime: toDate(info.startTime) ?? new Date(0),
    historyLength: Number(info.historyLength ?? 0),
    taskQueue: info.taskQueue ?? '',
    raw, // the same message, before the SDK has seen it
    ...(closeTime === undefined ? {} : { closeTime }),
  };
}

const PREFIX = 'WORKFLOW_EXECUTION_STATUS_';

/** In the SDK's spelling. */
function statusName({ status }: RawInfo): string {
  const name = temporal.api.enums.v1.WorkflowExecutionStatus[status ?? 0] ?? '';
  return name === `${PREFIX}CANCELED` ? 'CANCELLED' : name.slice(PREFIX.length);
}

function readMemo({ memo }: RawInfo, keys: readonly string[]): Record<string, unknown> {
  const fields = memo?.fields ?? {};
  return Object.fromEntries(
    keys.flatMap((key) => {
      const payload = fields[key];
      return payload ? [[key, defaultPayloadConverter.fromPayload(payload)] as const] : [];
    }),
  );
}

function toDate(time: RawInfo['startTime']): Date | undefined {
  if (!time) return undefined;
  return new Date(Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6));
}
