import { createInterface } from 'node:readline/promises';

import { LonghaulError } from '../connector/errors';
import type { Output } from './output';

export interface Interrupt {
  /** Fires when the follower shall let go of the task. */
  readonly signal: AbortSignal;
  close(): void;
}

export interface InterruptOptions {
  readonly output: Output;
  /** Asks for cancellation of the task. */
  readonly cancel: () => Promise<void>;
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
    void actOn(options, detach).finally(() => {
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

async function actOn({ output, cancel }: InterruptOptions, detach: () => void): Promise<void> {
  const wish = await output.quietly(askWhatToDo);
  if (wish === 'detach') detach();
  if (wish !== 'cancel') return;
  try {
    await cancel();
    output.note('Cancel requested; waiting until the job is seen stopped.');
  } catch (error) {
    const { code, message } = LonghaulError.from(error);
    output.note(`The cancel was not taken (${code}: ${message}). The task goes on.`);
  }
}

type Wish = 'detach' | 'cancel' | 'watch';

/** Ctrl-C and the end of the input answer as well: detach, which harms nothing. */
async function askWhatToDo(): Promise<Wish> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const asked = new AbortController();
  const giveUp = (): void => asked.abort();
  terminal.on('SIGINT', giveUp);
  terminal.on('close', giveUp);
  try {
    const answer = await terminal.question(QUESTION, { signal: asked.signal });
    if (/^\s*d/i.test(answer)) return 'detach';
    return /^\s*c/i.test(answer) ? 'cancel' : 'watch';
  } catch {
    process.stderr.write('\n');
    return 'detach';
  } finally {
    terminal.close();
  }
}

const QUESTION = 'The task runs on by itself. [d]etach, [c]ancel it, or Enter to go on watching? ';
