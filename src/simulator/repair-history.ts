import type { Run } from './model';
import { endingFields, runFields, type ViewContext } from './views';
import { toWireId, type WireObject } from './wire-json';

/** The original run first, then each repair: when it ran, how it went (the last one: how the run stands), its task runs. */
export function repairHistory(run: Run, context: ViewContext): WireObject[] {
  const repaired = new Set(run.repairs.flatMap(({ taskRunIds }) => taskRunIds));
  const original = run.attempts.map(({ runId }) => runId).filter((runId) => !repaired.has(runId));
  const rows = [
    { fields: { type: 'ORIGINAL' }, startedAt: run.createdAt, taskRunIds: original },
    ...run.repairs.map((repair) => ({ ...repair, fields: { type: 'REPAIR', id: toWireId(repair.id) } })),
  ];
  return rows.map(({ startedAt, taskRunIds, fields }, index) => ({
    ...fields,
    start_time: startedAt,
    ...endOf(run, index, context),
    task_run_ids: taskRunIds.map(toWireId),
    effective_performance_target: run.echo['effective_performance_target'],
  }));
}

/** A part is over when the next repair begins. */
function endOf(run: Run, index: number, context: ViewContext): WireObject {
  const end = run.repairs[index]?.before;
  if (end !== undefined) return { end_time: end.endedAt, ...endingFields(end.ending) };
  const { state, status, end_time } = runFields(run, context);
  return { end_time, state, status };
}
