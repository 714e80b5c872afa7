import type { OnEnded, StartedTask } from '../../client';
import { withSession, type CommonOptions, runCommand } from '../command';
import { follow } from '../follow';
import { listenForInterrupt } from '../interrupt';
import { toMachineTask, type Output } from '../output';
import { EXIT_DETACHED, reportOutcome } from '../report';
import { openSession, type Session } from '../session';
import { readTaskFile } from '../task-file';

export interface StartOptions extends CommonOptions {
  readonly id?: string;
  readonly workspace?: string;
  readonly attach?: boolean;
  readonly again?: boolean;
}

/** Starts a task and follows it to its end. */
export function run(file: string, options: StartOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'start', async (session) => {
      const started = await startFromFile(session, file, options);
      announce(session, started, output);
      return followToEnd(session, started.id, output);
    }),
  );
}

/** Starts a task and leaves it. */
export function submit(file: string, options: StartOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'start', async (session) => {
      const started = await startFromFile(session, file, options);
      const words = started.attached ? 'was already there' : 'was started';
      output.result(`Task ${started.id} ${words}. Follow it with: longhaul wait ${started.id}`, started);
      return 0;
    }),
  );
}

/** Follows a task that is there already. */
export function wait(id: string, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', (session) => followToEnd(session, id, output)),
  );
}

async function startFromFile(session: Session, file: string, options: StartOptions): Promise<StartedTask> {
  const { id, workspace } = options;
  const request = await readTaskFile(file, {
    ...(id === undefined ? {} : { id }),
    ...(workspace === undefined ? {} : { workspace }),
    ...(session.defaultWorkspace === undefined ? {} : { defaultWorkspace: session.defaultWorkspace }),
  });
  return session.tasks.start(request, onEndedOf(options));
}

function onEndedOf({ attach, again }: StartOptions): OnEnded {
  if (again === true) return 'again';
  return attach === true ? 'attach' : 'refuse';
}

function announce(session: Session, { id, attached }: StartedTask, output: Output): void {
  output.note(attached ? `Task ${id} is there already; following it.` : `Task ${id} started.`);
  const url = session.taskUrl(id);
  if (url !== undefined) output.note(`Temporal UI: ${url}`);
}

async function followToEnd(first: Session, id: string, output: Output): Promise<number> {
  let session = first;
  const interrupt = listenForInterrupt({ id, output, session: () => session });
  try {
    const reopen = async (): Promise<Session> => {
      session = await openSession({ env: process.env, engine: 'start', report: output.note });
      return session;
    };
    const followed = await follow(first, { id, output, reopen, signal: interrupt.signal });
    if (followed.kind === 'ended') return await reportOutcome(session, id, output);
    return await reportDetached(session, id, output);
  } finally {
    interrupt.close();
    if (session !== first) await session.close();
  }
}

async function reportDetached(session: Session, id: string, output: Output): Promise<number> {
  const status = await session.tasks.get(id);
  const words = `Detached. Task ${id} goes on; come back with: longhaul wait ${id}`;
  output.result(words, { detached: true, ...toMachineTask(status, session.taskUrl(id)) });
  return EXIT_DETACHED;
}
