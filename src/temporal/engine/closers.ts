import { messageOf } from '../run-command';

/** What must be closed again, the last opened first. */
export interface Closers {
  add(name: string, close: () => Promise<void> | void): void;
  /** Closes everything; what fails is reported and does not keep the rest open. Each is closed once. */
  closeAll(): Promise<void>;
}

export function createClosers(report: (message: string) => void): Closers {
  const open: { name: string; close: () => Promise<void> | void }[] = [];
  return {
    add: (name, close) => void open.push({ name, close }),
    closeAll: async () => {
      for (let last = open.pop(); last !== undefined; last = open.pop()) {
        try {
          await last.close();
        } catch (error) {
          report(`${last.name} did not close in order: ${messageOf(error)}`);
        }
      }
    },
  };
}
