import type { CallContext, Observation } from '../../connector';
import { readRun, readRunWithHistory, type Run } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { textAt } from './databricks-json';
import { DatabricksJobMetadata } from './databricks-metadata';
import { observeRun, type ObservedRun } from './databricks-observe';
import { isTerminalState, readRunState } from './databricks-state';

/** A run as it stands, with the meta from which a repair of it can go on. @throws RUN_GONE when it does not exist. */
export async function lookAtRun(
  client: DatabricksClient,
  meta: DatabricksJobMetadata,
  call: CallContext,
): Promise<Observation> {
  const rest = notInTurn(call);
  return observeWithRepairs({ client, meta, run: await readForVerdict(client, meta, rest) }, rest);
}

/** The same as one of many looks, which share the request budget: the next keeps the distance that all need together. */
export async function lookInTurn(
  client: DatabricksClient,
  meta: DatabricksJobMetadata,
  call: CallContext,
): Promise<Observation> {
  const run = await readForVerdict(client, meta, call);
  return paced(await observeWithRepairs({ client, meta, run }, notInTurn(call)), client, run);
}

/** What is read because of a look, for a person, or to stop a run goes before the looks that others begin. */
export function notInTurn(call: CallContext): CallContext & { readonly lane: 'rest' } {
  return { ...call, lane: 'rest' };
}

/** A shorter distance is kept anyway: it is Temporal's shortest pause. */
const SHORTEST_PAUSE_MS = 1_000;

function paced(observation: Observation, { looks }: DatabricksClient, run: Run): Observation {
  const { meta, next } = observation;
  const { runId } = DatabricksJobMetadata.parse(meta);
  if (next.kind !== 'poll') {
    looks.ended(runId);
    return observation;
  }
  const atLeastMs = looks.pauseAfter({ runId, requests: run.requests });
  return atLeastMs <= SHORTEST_PAUSE_MS ? observation : { ...observation, next: { ...next, atLeastMs } };
}

/**
 * One that has ended is read once more with its repairs, so that state and repairs are of one moment; successes are not
 * repaired, and need no more.
 */
async function readForVerdict(
  client: DatabricksClient,
  { runId }: DatabricksJobMetadata,
  call: CallContext,
): Promise<Run> {
  const run = await readRun(client, runId, call);
  const { result } = readRunState(run.raw);
  return isEnded(run) && result !== 'SUCCESS' ? readRunWithHistory(client, runId, notInTurn(call)) : run;
}

export function isEnded({ raw }: Run): boolean {
  return isTerminalState(readRunState(raw));
}

/** Keeps the last repair of an ended run; an end from before the repair that we began is not taken for its own. */
export async function observeWithRepairs(observed: ObservedRun, call: CallContext): Promise<Observation> {
  const { run, meta } = observed;
  if (isFromBeforeRepair(observed)) return toBegun(meta);
  if (run.repairs.length === 0 || !isEnded(run)) return observeRun(observed, call);
  return observeRun({ ...observed, meta: { ...meta, latestRepairId: lastRepairId(run) } }, call);
}

/** Has this run ended, but before a repair that Databricks has accepted and its history does not show yet? */
export function isFromBeforeRepair({
  run,
  meta: { latestRepairId },
}: Pick<ObservedRun, 'run' | 'meta'>): boolean {
  if (run.repairs.length === 0 || !isEnded(run) || typeof latestRepairId !== 'string') return false;
  return !repairIds(run).includes(latestRepairId);
}

/** A repair that is accepted and does not show yet, with what is to be said of it. */
export function toBegun(meta: DatabricksJobMetadata, remark = ''): Observation {
  const message = `Repair ${meta.latestRepairId ?? ''} of run ${meta.runId} has begun${remark}`;
  return { meta, resource: { phase: 'QUEUED', message }, next: { kind: 'poll' } };
}

/** The id of the last repair in a run's history; null when it was never repaired. */
export function lastRepairId(run: Run): string | null {
  return repairIds(run).at(-1) ?? null;
}

function repairIds({ repairs }: Pick<Run, 'repairs'>): string[] {
  return repairs.flatMap((entry) => (textAt(entry, 'type') === 'REPAIR' ? (textAt(entry, 'id') ?? []) : []));
}
