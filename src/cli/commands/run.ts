import type { OnEnded, StartedTask } from '../../client';
import { LonghaulError } from '../../connector/errors';
import { withLimit } from '../../temporal/wait';
import { runCommand, type CommonOptions } from '../command';
import { toMachineTask } from '../describe-task';
import { follow } from '../follow';
import { listenForInterrupt } from '../interrupt';
import { createLiveSession } from '../live-session';
import type { Output } from '../output';
import { prepareTask, type PreparedTask } from '../prepare-task';
import { EXIT_DETACHED, readOutcome, reportOutcome } from '../report';
import { openSession, withSession, type Session } from '../session';
import { userName } from '../user-name';

export interface StartOptions extends CommonOptions {
  readonly id?: string;
  readonly workspace?: string;
  readonly project?: string;
  readonly attach?: boolean;
  readonly again?: boolean;
  readonly force?: boolean;
}

/** Starts a task and follows it to its end. */
export async function run(file: string, options: StartOptions): Promise<void> {
  await runCommand(options, async (output) => {
    const prepared = await prepare(file, options, output);
    return withSession(output, 'start', async (session) => {
      const started = await start(session, prepared, options);
      announce({ session, started, prepared }, output);
      noteMissingWorker(session, prepared, output);
      return followToEnd(session, started.id, output);
    });
  });
  endNow();
}

/** Starts a task and leaves it. */
export function submit(file: string, options: StartOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const prepared = await prepare(file, options, output);
    return withSession(output, 'start', async (session) => {
      const started = await start(session, prepared, options);
      const words = started.attached ? 'is there already' : 'started';
      const temporalUrl = session.taskUrl(started.id);
      output.result(
        `Task ${started.id} ${words}${placeOf(prepared)}. Follow it with: longhaul wait ${started.id}`,
        { ...started, ...(temporalUrl === undefined ? {} : { temporalUrl }) },
      );
      noteMissingWorker(session, prepared, output);
      return 0;
    });
  });
}

/** Follows a task that is there already. */
export async function wait(id: string, options: CommonOptions): Promise<void> {
  await runCommand(options, (output) =>
    withSession(output, 'join', (session) => followToEnd(session, id, output)),
  );
  endNow();
}

/** After a detach there may be a question to Temporal that nobody waits for any more. */
export function endNow(): void {
  process.exit();
}

async function prepare(file: string, given: StartOptions, output: Output): Promise<PreparedTask> {
  const { id, workspace, project } = given;
  const options = {
    ...(id === undefined ? {} : { id }),
    ...(workspace === undefined ? {} : { workspace }),
    ...(project === undefined ? {} : { project }),
  };
  const prepared = await prepareTask(file, options, process.env);
  for (const notice of prepared.notices) output.note(`Note: ${notice}`);
  return prepared;
}

function start(session: Session, prepared: PreparedTask, options: StartOptions): Promise<StartedTask> {
  assertEngineKnows(session, prepared);
  return session.tasks.start(prepared.request, onEndedOf(options));
}

/** An engine keeps the environment it was started with. */
function assertEngineKnows({ engine }: Session, { workspace }: PreparedTask): void {
  const lists = engine?.info.services.flatMap(({ workspaces }) =>
    Array.isArray(workspaces) ? [workspaces] : [],
  );
  if (workspace === undefined || lists === undefined || lists.length === 0) return;
  if (lists.some((names) => names.includes(workspace))) return;
  throw new LonghaulError(
    'CONFIG',
    `The engine that runs here does not know the workspace ${workspace}: it was started with another environment.`,
    { advice: 'End it with longhaul dev --stop and try again: open tasks go on at the next start.' },
  );
}

/** Said at once: an engine has such a worker from its start, or not at all. */
function noteMissingWorker({ engine }: Session, { servedElsewhere }: PreparedTask, output: Output): void {
  if (engine === undefined || servedElsewhere === undefined) return;
  const { taskQueue, command } = servedElsewhere;
  const served = engine.info.services.flatMap(({ taskQueues }): unknown[] =>
    Array.isArray(taskQueues) ? taskQueues : [],
  );
  if (served.includes(taskQueue)) return;
  output.note(`No worker serves ${taskQueue} here, so the task waits; start one with: ${command}`);
}

export function onEndedOf({
  attach,
  again,
  force,
}: Pick<StartOptions, 'attach' | 'again' | 'force'>): OnEnded {
  if (again === true && force === true) return 'force';
  if (again === true) return 'again';
  return attach === true ? 'attach' : 'refuse';
}

interface Announced {
  readonly session: Session;
  readonly started: StartedTask;
  readonly prepared: PreparedTask;
}

function announce({ session, started, prepared }: Announced, output: Output): void {
  const { id, attached } = started;
  const name = output.notePaint('strong', id);
  output.note(
    attached ? `Task ${name} is there already; following it.` : `Task ${name} started${placeOf(prepared)}.`,
  );
  noteTaskPage(session, id, output);
}

export function noteTaskPage(session: Session, id: string, output: Output): void {
  const url = session.taskUrl(id);
  if (url !== undefined) output.note(`          ${output.notePaint('quiet', `Temporal UI: ${url}`)}`);
}

function placeOf({ workspace }: PreparedTask): string {
  return workspace === undefined ? '' : ` on the ${workspace} workspace`;
}

/** Shows a task until its end, and reports that. @returns the exit code. */
export async function followToEnd(first: Session, id: string, output: Output): Promise<number> {
  const by = userName();
  const interrupt = listenForInterrupt({
    output,
    cancel: async () => {
      await live.ask((session) => session.tasks.cancel(id, { by, reason: 'Ctrl-C' }));
    },
  });
  const { signal } = interrupt;
  const reopen = (): Promise<Session> => openSession({ env: process.env, engine: 'start', output });
  const live = createLiveSession(first, { reopen, output, signal });
  try {
    const followed = await follow(live, { id, output, signal });
    const outcome = followed === 'ended' ? await live.ask((session) => readOutcome(session, id)) : undefined;
    return outcome === undefined ? await reportDetached(first, id, output) : reportOutcome(outcome, output);
  } finally {
    interrupt.close();
    await live.close();
  }
}

const LAST_LOOK_LIMIT_MS = 2_000;

/** The last look is a courtesy: Temporal may be away. */
async function reportDetached(session: Session, id: string, output: Output): Promise<number> {
  const status = await withLimit(session.tasks.get(id), LAST_LOOK_LIMIT_MS, 'a last look').catch(
    () => undefined,
  );
  const words = `Detached. The task goes on; come back with: longhaul wait ${id}`;
  const machine = status === undefined ? { id } : toMachineTask(status, session.taskUrl(id));
  output.result(words, { detached: true, ...machine });
  return EXIT_DETACHED;
}
