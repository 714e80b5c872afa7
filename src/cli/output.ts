import { createPaint, type Paint } from './style';

/** Where a command speaks: results to standard output, everything else to standard error. */
export interface Output {
  readonly format: OutputFormat;
  /** A person can be asked. */
  readonly interactive: boolean;
  /** Colors of results. */
  readonly paint: Paint;
  /** Colors of notes. */
  readonly notePaint: Paint;
  /** The one answer of a command: text for people, one JSON document for machines. A second one is not written. */
  result(human: string, machine: object): void;
  note(message: string): void;
  /** Redraws the line of progress; nothing where nobody watches. */
  progress(line: string): void;
  /** A step on the way: a passing line for who watches, a note elsewhere. */
  step(message: string): void;
  /** Runs while nothing is drawn: a question keeps its line, notes wait for its answer. */
  quietly<T>(ask: () => Promise<T>): Promise<T>;
}

export type OutputFormat = 'human' | 'json';

const FALLBACK_COLUMNS = 80;

export function createOutput(format: OutputFormat): Output {
  const { stdout, stderr, stdin } = process;
  const isWatched = stderr.isTTY;
  let drawn = false;
  let answered = false;
  let held: string[] | undefined;
  const clear = (): void => {
    if (drawn) stderr.write('\r\u001b[2K');
    drawn = false;
  };
  const note = (message: string): void => {
    if (held !== undefined) {
      held.push(message);
      return;
    }
    clear();
    stderr.write(`${message}\n`);
  };
  const progress = (line: string): void => {
    if (!isWatched || held !== undefined) return;
    const width = (stderr.columns || FALLBACK_COLUMNS) - 1;
    stderr.write(`\r\u001b[2K${line.slice(0, width)}`);
    drawn = true;
  };
  return {
    format,
    interactive: isWatched && stdin.isTTY,
    paint: createPaint(stdout, process.env),
    notePaint: createPaint(stderr, process.env),
    result: (human, machine) => {
      clear();
      if (format === 'human') stdout.write(`${human}\n`);
      else if (answered) stderr.write(`${human}\n`);
      else stdout.write(`${JSON.stringify(machine, null, 2)}\n`);
      answered = true;
    },
    note,
    progress,
    step: (message) => (isWatched ? progress(`${message} …`) : note(message)),
    quietly: async (ask) => {
      clear();
      held = [];
      try {
        return await ask();
      } finally {
        const waiting = held;
        held = undefined;
        waiting.forEach(note);
      }
    },
  };
}
