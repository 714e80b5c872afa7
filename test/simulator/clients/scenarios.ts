import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface ScenarioRun {
  /** The interpreter of an environment that holds the client. */
  readonly python: string;
  /** A Python program that drives the client and prints what it saw as JSON. */
  readonly script: string;
  readonly scenario: string;
  /** All that the client gets to know of this machine beside PATH. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a client saw of a workspace. Throws with the program's own words when it fails. */
export async function runScenario({ python, script, scenario, env }: ScenarioRun): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, [script, scenario], {
    maxBuffer: 10 * 1024 * 1024,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', PYTHONDONTWRITEBYTECODE: '1', ...env },
  });
  const last = stdout.trimEnd().split('\n').at(-1) ?? ''; // clients print words of their own first
  return JSON.parse(last);
}
