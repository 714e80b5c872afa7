import { runCommand, withSession, type CommonOptions } from '../command';
import { describeTask, toMachineTask, toTable, toTime } from '../output';

/** One look at a task. */
export function get(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const status = await session.tasks.get(id);
      const url = session.taskUrl(id);
      output.result(describeTask(status, url), toMachineTask(status, url));
      return 0;
    }),
  );
}

export interface CancelOptions extends CommonOptions {
  readonly reason?: string;
}

export function cancel(id: string, options: CancelOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const status = await session.tasks.get(id);
      if (status.state !== 'OPEN') {
        output.result(`Task ${id} has already ended ${status.phase}.`, {
          id,
          state: status.state,
          requested: false,
        });
        return 0;
      }
      const by = process.env['USER'] ?? 'cli';
      await session.tasks.cancel(id, {
        by,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      });
      output.result(`Cancel of ${id} is recorded. longhaul wait ${id} shows when its job is seen stopped.`, {
        id,
        requested: true,
      });
      return 0;
    }),
  );
}

export function nudge(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const sent = await session.tasks.nudge(id);
      const words = sent ? `Task ${id} looks now.` : `Task ${id} is paused by an operator; unpause it first.`;
      output.result(words, { id, nudged: sent });
      return 0;
    }),
  );
}

export interface ListOptions extends CommonOptions {
  readonly open?: boolean;
  readonly phase?: string;
  readonly type?: string;
  readonly project?: string;
  readonly job?: string;
  readonly limit?: string;
}

export function list(options: ListOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const { open, phase, type, project, job, limit } = options;
      const tasks = await session.tasks.list({
        ...(open === undefined ? {} : { open }),
        ...(phase === undefined ? {} : { phase: phase.toUpperCase() }),
        ...(type === undefined ? {} : { taskType: type }),
        ...(project === undefined ? {} : { project }),
        ...(job === undefined ? {} : { externalId: job }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
      });
      const head = ['TASK', 'PHASE', 'JOB', 'STARTED', 'MESSAGE'];
      const rows = tasks.map((task) => [
        task.id,
        task.phase,
        task.externalId ?? '–',
        toTime(task.startedAt),
        (task.message ?? '').split('\n')[0]?.slice(0, 60) ?? '',
      ]);
      output.result(tasks.length === 0 ? 'No task.' : toTable([head, ...rows]), tasks);
      return 0;
    }),
  );
}

export interface LogsOptions extends CommonOptions {
  readonly page?: string;
  readonly limit?: string;
}

export function logs(id: string, options: LogsOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const { page, limit } = options;
      const answer = await session.tasks.logs(id, {
        ...(page === undefined ? {} : { pageToken: page }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
      });
      output.result(answer.lines.join('\n'), answer);
      if (answer.truncated) output.note('The workspace kept only a part of this output.');
      if (answer.nextPageToken !== undefined) {
        output.note(`More: longhaul logs ${id} --page ${answer.nextPageToken}`);
      }
      return 0;
    }),
  );
}

export function metrics(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const rows = await session.tasks.metrics(id);
      const head = ['TASK', 'ATTEMPT', 'PHASE', 'QUEUE', 'SETUP', 'EXECUTION', 'CLEANUP', 'TOTAL'];
      const cells = rows.map((row) => [
        row.name,
        String(row.attempt),
        row.phase,
        ...[row.queueMs, row.setupMs, row.executionMs, row.cleanupMs, row.totalMs].map(toSeconds),
      ]);
      output.result(toTable([head, ...cells]), [...rows]);
      return 0;
    }),
  );
}

function toSeconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`;
}
