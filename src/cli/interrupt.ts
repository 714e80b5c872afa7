import { createInterface } from 'node:readline/promises';

import type { Output } from './output';
import type { Session } from './session';

export interface Interrupt {
  /** Fires when the follower shall let go of the task. */
  readonly signal: AbortSignal;
  close(): void;
}

export interface InterruptOptions {
  readonly id: string;
  readonly output: Output;
  readonly session: () => Session;
}

/**
 * Ctrl-C asks: detach or cancel? After "cancel" the task is followed on to its confirmed end. A second Ctrl-C, SIGTERM
 * and every Ctrl-C where nobody can be asked detach: a task is never canceled by accident.
 */
export function listenForInterrupt(options: InterruptOptions): Interrupt {
  const controller = new AbortController();
  let asking = false;
  const detach = (): void => {
    controller.abort();
  };
  const onInterrupt = (): void => {
    if (asking || !options.output.interactive) {
      detach();
      return;
    }
    asking = true;
    void askWhatToDo(options, detach).finally(() => {
      asking = false;
    });
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', detach);
  return {
    signal: controller.signal,
    close: () => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', detach);
    },
  };
}

async function askWhatToDo({ id, output, session }: InterruptOptions, detach: () => void): Promise<void> {
  output.note('');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.on('SIGINT', () => {
    terminal.close();
    detach();
  });
  const answer = await terminal
    .question('The task is running. [d]etach, [c]ancel, or Enter to go on watching? ')
    .catch(() => 'd');
  terminal.close();
  if (/^d/i.test(answer)) detach();
  if (!/^c/i.test(answer)) return;
  await session().tasks.cancel(id, { by: process.env['USER'] ?? 'cli', reason: 'Ctrl-C' });
  output.note('Cancel requested; waiting until the job is seen stopped.');
}
