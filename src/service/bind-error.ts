import { LonghaulError } from '../connector/errors';

export interface FailedBind {
  /** What was to listen there, for people: `metrics`. */
  readonly what: string;
  readonly host: string;
  readonly port: number;
  readonly cause: Error;
}

/** CONFIG, naming the address and the mend. Both of Node's errors and grpc-js's carry the reason in their text. */
export function toBindError({ what, host, port, cause }: FailedBind): LonghaulError {
  const address = `${host}:${port}`;
  if (cause.message.includes('EADDRINUSE')) {
    return new LonghaulError('CONFIG', `The address ${address} for ${what} is already in use.`, {
      cause,
      advice: 'Stop the process that listens there, or choose another port.',
    });
  }
  return new LonghaulError('CONFIG', `Cannot listen on ${address} for ${what}: ${cause.message}`, {
    cause,
    advice: 'Choose an address of this machine and a port it may open.',
  });
}
