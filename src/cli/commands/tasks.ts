import { isInRepairWindow, leftJobAdvice, type TaskStatus } from '../../client';
import { runCommand, type CommonOptions } from '../command';
import { describeRepairWait, describeTask, endWord, failureOrMessage, toMachineTask } from '../describe-task';
import { firstLine, toTable, toTime, toTimeOfDay } from '../format';
import { withSession } from '../session';
import { userName } from '../user-name';

/** One look at a task. */
export function get(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const status = await session.tasks.get(id);
      const url = session.taskUrl(id);
      output.result(describeTask(status, url, Date.now()), toMachineTask(status, url));
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
        const { state, jobMayRun } = status;
        const left = jobMayRun === true ? ` But ${leftJobAdvice(status)}` : '';
        output.result(`Task ${id} has already ended: ${endWord({ status })}.${left}`, {
          ...{ id, state, requested: false },
          ...(jobMayRun === true ? { jobMayRun } : {}),
        });
        return 0;
      }
      const by = userName();
      await session.tasks.cancel(id, {
        by,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      });
      const words = `The cancel of ${id} is recorded; it closes when its job is seen stopped: longhaul wait ${id}`;
      output.result(words, {
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
      const endsWait = isInRepairWindow(await session.tasks.look(id));
      const nudged = await session.tasks.nudge(id);
      output.result(nudgeWords(id, { nudged, endsWait }), {
        ...{ id, nudged },
        ...(nudged && endsWait ? { endedRepairWindow: true } : {}),
      });
      return 0;
    }),
  );
}

interface Nudged {
  readonly nudged: boolean;
  readonly endsWait: boolean;
}

function nudgeWords(id: string, { nudged, endsWait }: Nudged): string {
  if (!nudged) return `Task ${id} is paused by an operator in Temporal; unpause it there first.`;
  if (!endsWait) return `Task ${id} looks at its job now.`;
  return `Task ${id} no longer waits for a repair: it goes on if its job was repaired elsewhere, else it ends as failed; longhaul repair ${id} still repairs it.`;
}

export interface ListOptions extends CommonOptions {
  readonly open?: boolean;
  readonly phase?: string;
  readonly type?: string;
  readonly project?: string;
  readonly job?: string;
  readonly limit?: number;
}

export function list(options: ListOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const { open, phase, type, project, job, limit } = options;
      const tasks = await session.tasks.list({
        ...(open === undefined ? {} : { open }),
        ...(phase === undefined ? {} : { phase }),
        ...(type === undefined ? {} : { taskType: type }),
        ...(project === undefined ? {} : { project }),
        ...(job === undefined ? {} : { externalId: job }),
        ...(limit === undefined ? {} : { limit }),
      });
      const head = ['TASK', 'PHASE', 'JOB', 'STARTED', 'MESSAGE'];
      const rows = tasks.map((task) => [
        task.id,
        task.phase,
        task.externalId ?? '–',
        toTime(task.startedAt),
        listedWords(task, Date.now()),
      ]);
      output.result(tasks.length === 0 ? 'No task.' : toTable([head, ...rows]), tasks);
      return 0;
    }),
  );
}

const MESSAGE_WIDTH = 60;

function listedWords(task: TaskStatus, now: number): string {
  const words = firstLine(failureOrMessage(task), MESSAGE_WIDTH);
  const wait = describeRepairWait(task, now);
  return wait === undefined ? words : `${words} · waits ${wait}`;
}

export function metrics(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const rows = await session.tasks.metrics(id);
      const head = [
        'TASK',
        'ATTEMPT',
        'PHASE',
        'STARTED',
        'QUEUE',
        'SETUP',
        'EXECUTION',
        'CLEANUP',
        'TOTAL',
        'RUN',
      ];
      const cells = rows.map((row) => [
        row.name,
        row.repair === undefined || row.repair === 0
          ? String(row.attempt)
          : `${row.attempt} repair ${row.repair}`,
        row.phase,
        row.startedAt === undefined ? '–' : toTimeOfDay(row.startedAt),
        ...[row.queueMs, row.setupMs, row.executionMs, row.cleanupMs, row.totalMs].map(toSeconds),
        row.externalId ?? '–',
      ]);
      output.result(toTable([head, ...cells]), [...rows]);
      return 0;
    }),
  );
}

function toSeconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`;
}
