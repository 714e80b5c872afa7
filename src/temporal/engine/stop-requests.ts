/** Wishes to end, from signals or from elsewhere; the first one counts. */
export interface StopRequests {
  readonly requested: Promise<void>;
  reason(): string | undefined;
  request(reason: string): void;
  /** Gives the signals back to whoever had them. */
  close(): void;
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Listens for the signals that ask a process to end, until closed. */
export function listenForStop(): StopRequests {
  let first: string | undefined;
  let resolve = (): void => undefined;
  const requested = new Promise<void>((settle) => (resolve = settle));
  const request = (reason: string): void => {
    first ??= reason;
    resolve();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, request);
  return {
    requested,
    request,
    reason: () => first,
    close: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, request);
    },
  };
}
