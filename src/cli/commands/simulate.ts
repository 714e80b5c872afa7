import { once } from 'node:events';

import { startSimulator, DEFAULT_TOKEN } from '../../simulator';
import { LonghaulError } from '../../connector/errors';
import { runCommand, type CommonOptions } from '../command';
import { parseTrouble, type SimulatedTrouble } from '../simulated-trouble';

export interface SimulateOptions extends CommonOptions, SimulatedTrouble {
  readonly port: number;
  readonly host: string;
  readonly token: readonly string[];
  readonly client: readonly string[];
  readonly state?: string;
  readonly speed: number;
}

/** The simulated workspace as a server of its own, until SIGTERM or Ctrl-C. */
export function simulate(options: SimulateOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const simulator = await startSimulator({
      host: options.host,
      port: options.port,
      tokens: options.token,
      clients: options.client.map(parseClient),
      speed: options.speed,
      ...(options.state === undefined ? {} : { stateFile: options.state }),
      ...parseTrouble(options),
    });
    const token = options.token[0] ?? (options.client.length === 0 ? DEFAULT_TOKEN : undefined);
    output.result(
      [
        `Simulated workspace at ${simulator.url}`,
        ...(token === undefined ? [] : [`export DATABRICKS_HOST=${simulator.url} DATABRICKS_TOKEN=${token}`]),
      ].join('\n'),
      { url: simulator.url },
    );
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    await simulator.close();
    return 0;
  });
}

function parseClient(text: string): { id: string; secret: string } {
  const colon = text.indexOf(':');
  if (colon > 0) return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  throw new LonghaulError('CONFIG', '--client takes ID:SECRET.');
}
