import { LonghaulError, type CallContext, type DeleteOutcome } from '../../connector';
import { cancelRun } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { lookAtRun } from './databricks-look';
import type { DatabricksJobMetadata } from './databricks-metadata';

/** Asks for the stop and looks; called again until the run is seen to have ended. */
export async function stopRun(
  client: DatabricksClient,
  meta: DatabricksJobMetadata,
  call: CallContext,
): Promise<DeleteOutcome> {
  try {
    await requestCancel(client, meta.runId, call);
    const { resource, next, meta: seen } = await lookAtRun(client, meta, call);
    client.looks.ended(meta.runId);
    return { kind: next.kind === 'done' ? 'stopped' : 'stopping', meta: seen, resource };
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'RUN_GONE') throw thrown;
    const message = `Run ${meta.runId} no longer exists at Databricks, so nothing of it runs.`;
    return { kind: 'stopped', meta, resource: { phase: 'ABORTED', message } };
  }
}

/** A refused cancel says little (a run that has ended may refuse it): the look that follows decides. */
async function requestCancel(client: DatabricksClient, runId: string, call: CallContext): Promise<void> {
  try {
    await cancelRun(client, runId, call);
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'INTERNAL') throw thrown;
    call.logger.warn('Databricks refused to cancel the run; looking whether it has ended.', {
      runId,
      reason: thrown.message,
    });
  }
}
