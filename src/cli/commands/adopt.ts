import { checkAdoption, type AdoptRequest, type StartedTask } from '../../client';
import { runCommand, type CommonOptions } from '../command';
import type { Output } from '../output';
import { createConnectorSet } from '../registry';
import { withSession, type Session } from '../session';
import { endNow, followToEnd, noteTaskPage, onEndedOf } from './run';

export interface AdoptOptions extends CommonOptions {
  readonly workspace?: string;
  readonly project?: string;
  readonly id?: string;
  readonly name?: string;
  readonly attach?: boolean;
  readonly again?: boolean;
  /** False with `--no-wait`. */
  readonly wait: boolean;
}

/** Follows a run that somebody else started, to its end. */
export async function adopt(runId: string, options: AdoptOptions): Promise<void> {
  const request = toRequest(runId, options);
  await runCommand(options, async (output) => {
    await checkAtTheDoor(request);
    return withSession(output, 'start', async (session) => {
      const started = await session.tasks.adopt(request, onEndedOf(options));
      if (!options.wait) return leave({ session, started, runId }, output);
      announce({ session, started, runId }, output);
      return followToEnd(session, started.id, output);
    });
  });
  endNow();
}

/** Before anything is started, an engine included. */
async function checkAtTheDoor(request: AdoptRequest): Promise<void> {
  const connectors = createConnectorSet(process.env);
  try {
    checkAdoption(request, connectors.registry);
  } finally {
    await connectors.close();
  }
}

function toRequest(externalId: string, { workspace, project, id, name }: AdoptOptions): AdoptRequest {
  return {
    externalId,
    ...(workspace === undefined ? {} : { workspace }),
    ...(project === undefined ? {} : { project }),
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
  };
}

interface Adopted {
  readonly session: Session;
  readonly started: StartedTask;
  readonly runId: string;
}

function leave({ session, started, runId }: Adopted, output: Output): number {
  const { id, attached } = started;
  const words = attached ? 'follows it already' : 'follows it';
  const temporalUrl = session.taskUrl(id);
  output.result(`Run ${runId}: task ${id} ${words}. See its end with: longhaul wait ${id}`, {
    ...started,
    ...(temporalUrl === undefined ? {} : { temporalUrl }),
  });
  return 0;
}

function announce({ session, started, runId }: Adopted, output: Output): void {
  const { id, attached } = started;
  const name = output.notePaint('strong', id);
  output.note(`Run ${runId}: task ${name} ${attached ? 'follows it already' : 'follows it from now on'}.`);
  noteTaskPage(session, id, output);
}
