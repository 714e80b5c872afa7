import type { CallContext } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';
import type { MarkedJob } from './marked-jobs';
import type { LeftTask, ReconcileControl, TakeUp } from './reconcile-ports';
import type { Finding, ReconcileRequest } from './reconcile-report';

/** A finding with what is needed to do something about it. */
export type Found =
  /** `job`: where the task itself does not know it, and a list does. */
  | { readonly finding: Finding; readonly task: LeftTask; readonly job?: MarkedJob }
  | { readonly finding: Finding; readonly task?: never; readonly job: MarkedJob };

export interface Handling {
  readonly control: ReconcileControl;
  readonly request: ReconcileRequest;
  /** Names this reconciliation. */
  readonly nonce: string;
  readonly call: CallContext;
}

/** Does with a finding what was asked; what cannot be done is said in its note. */
export async function handleFound(handling: Handling, found: Found): Promise<Finding> {
  const { finding } = found;
  const { action } = handling.request;
  if (action === 'report') return { ...finding, note: withAdvice(finding) };
  const refusal = refusalOf(handling.request, found);
  if (refusal !== undefined) return { ...finding, note: `${finding.note}; ${refusal}` };
  try {
    const followedBy = await takeUp(handling, found);
    return followedBy === undefined
      ? { ...finding, note: TAKEN }
      : describeTakenUp(finding, action, followedBy);
  } catch (thrown) {
    handling.call.signal.throwIfAborted();
    return { ...finding, note: `${finding.note}; nothing was done: ${LonghaulError.from(thrown).message}` };
  }
}

const TAKEN = 'somebody else took it up meanwhile';

function describeTakenUp(finding: Finding, action: 'cancel' | 'adopt', followedBy: string): Finding {
  if (action === 'cancel') {
    const note = `it closes when its job is seen stopped: longhaul wait ${followedBy}`;
    return { ...finding, done: 'canceling', followedBy, note };
  }
  return {
    ...finding,
    done: 'adopted',
    followedBy,
    note: `its job is followed: longhaul wait ${followedBy}`,
  };
}

/** Why an action leaves this one alone. */
function refusalOf({ action, foreign = false }: ReconcileRequest, { task, job }: Found): string | undefined {
  if (task === undefined) return foreign ? undefined : 'left alone without --foreign';
  if (action === 'adopt' && task.wasCanceled) return 'it was being canceled: --action cancel stops it';
  if (task.meta !== undefined || job !== undefined) return undefined;
  if (task.fence === 'none') return 'look at the external system';
  return action === 'adopt' ? 'so it cannot be followed' : undefined;
}

function takeUp({ control, request, nonce }: Handling, found: Found): Promise<string | undefined> {
  const { action, by } = request;
  const cancel = { reason: 'left over, found by reconcile', ...(by === undefined ? {} : { by }) };
  const how: TakeUp = { nonce, ...(action === 'cancel' ? { cancel } : {}) };
  const { task, job } = found;
  if (task === undefined) {
    return control.adoptForeign(toJob(found.job), found.job.connector.taskCategory, how);
  }
  if (task.takenUpAs !== undefined) return Promise.resolve(task.takenUpAs);
  return control.takeUp(task, job === undefined ? how : { ...how, job: toJob(job) });
}

/** Without its connector, which is no data. */
function toJob({
  connector: _connector,
  finder: _finder,
  ...job
}: MarkedJob): Parameters<ReconcileControl['adoptForeign']>[0] {
  return job;
}

function withAdvice({ kind, note, externalId, place }: Finding): string {
  if (kind === 'task') return note;
  return `${note}; follow it with: longhaul adopt ${externalId ?? ''} --workspace ${place ?? ''}`;
}
