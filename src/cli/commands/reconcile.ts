import type { ReconcileAction, ReconcileRequest } from '../../../activities';
import { RECONCILE_SCHEDULE } from '../../client';
import { runCommand, type CommonOptions } from '../command';
import type { Output } from '../output';
import { describeReconciliation } from '../reconcile-text';
import { withSession, type Session } from '../session';
import { userName } from '../user-name';

export interface ReconcileOptions extends CommonOptions {
  /** In milliseconds. */
  readonly since?: number;
  readonly action: ReconcileAction;
  readonly workspace?: string;
  readonly foreign?: boolean;
  /** In milliseconds. */
  readonly schedule?: number;
  readonly unschedule?: boolean;
}

/** Something is left over still, or a place could not be asked. */
const EXIT_LEFT_OVER = 14;

/** Looks for what closed tasks left over; once, or as a schedule. */
export function reconcile(options: ReconcileOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      if (options.unschedule === true) return unschedule(session, output);
      if (options.schedule !== undefined) return schedule(session, options, output);
      const report = await session.reconciler.run(toRequest(options));
      output.result(describeReconciliation(report, options), report);
      return report.left > 0 || report.unread.length > 0 ? EXIT_LEFT_OVER : 0;
    }),
  );
}

/** As long as a namespace keeps closed tasks after longhaul init. */
const SINCE_MS = 30 * 86_400_000;

function toRequest({ since = SINCE_MS, action, workspace, foreign }: ReconcileOptions): ReconcileRequest {
  return {
    sinceMs: since,
    action,
    by: userName(),
    ...(workspace === undefined ? {} : { place: workspace }),
    ...(foreign === undefined ? {} : { foreign }),
  };
}

async function schedule({ reconciler }: Session, options: ReconcileOptions, output: Output): Promise<number> {
  const { schedule: everyMs = 0, action } = options;
  await reconciler.schedule(everyMs, toRequest(options));
  const words = `Temporal reconciles every ${everyMs / 60_000} min from now on (${action}): schedule ${RECONCILE_SCHEDULE}.`;
  output.result(words, { schedule: RECONCILE_SCHEDULE, everyMs, action });
  return 0;
}

async function unschedule({ reconciler }: Session, output: Output): Promise<number> {
  const removed = await reconciler.unschedule();
  const words = removed ? 'is removed' : 'is not there';
  output.result(`The schedule ${RECONCILE_SCHEDULE} ${words}.`, { schedule: RECONCILE_SCHEDULE, removed });
  return 0;
}
