import { once } from 'node:events';

import { startSimulator, DEFAULT_TOKEN, type ApiVersion, type SimulatorOptions } from '../../simulator';
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
  readonly api?: ApiVersion;
  readonly maxActiveRuns?: number;
  readonly maxSavedJobs?: number;
  readonly jobsPerHour?: number;
  readonly firstId?: string;
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
      ...(options.api === undefined ? {} : { newestApi: options.api }),
      ...parseTrouble(options),
      ...limitsOf(options),
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

/** What is not given is left to the workspace. */
function limitsOf(options: SimulateOptions): SimulatorOptions {
  const { maxActiveRuns, maxSavedJobs, jobsPerHour, firstId } = options;
  if (firstId !== undefined && !/^[1-9]\d{0,18}$/.test(firstId)) {
    throw new LonghaulError(
      'CONFIG',
      `--first-id takes a whole number of up to 19 digits, not '${firstId}'.`,
    );
  }
  return {
    ...(maxActiveRuns === undefined ? {} : { maxActiveRuns }),
    ...(maxSavedJobs === undefined ? {} : { maxSavedJobs }),
    ...(jobsPerHour === undefined ? {} : { jobsPerHour }),
    ...(firstId === undefined ? {} : { firstId }),
  };
}

function parseClient(text: string): { id: string; secret: string } {
  const colon = text.indexOf(':');
  if (colon > 0) return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  throw new LonghaulError('CONFIG', '--client takes ID:SECRET.');
}
