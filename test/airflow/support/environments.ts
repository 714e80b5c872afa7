import { spawnSync } from 'node:child_process';

import { AIRFLOW_MAJORS, type AirflowMajor } from '../../../src/connectors/airflow';
import { openAirflowEnvironment } from '../../../src/worker/airflow-environment';
import { testHome } from '../../support/temporal-server';

export type { AirflowMajor };
/** Every rule holds on all of them, the newest first. */
export const MAJORS: readonly AirflowMajor[] = [...AIRFLOW_MAJORS].reverse();

/** The tools of the Python package's own tests, in the environment that the worker runs in. */
const EXTRA = ['dev'];

/**
 * The `python` of a major's environment: the shipped pins and the tools of the package's tests. Made on demand, which
 * takes some minutes, and kept under the test home.
 */
export async function pythonOf(major: AirflowMajor): Promise<string> {
  const report = (message: string): void => void process.stdout.write(`${message}\n`);
  const { python } = await openAirflowEnvironment({
    ...{ major, report },
    home: testHome(),
    env: process.env,
    extra: EXTRA,
  });
  return python;
}

/** Is there a Python that may run Airflow? Asked while tests are declared, so it does not wait. */
export function hasPython(): boolean {
  const named = process.env['LONGHAUL_AIRFLOW_PYTHON'] ?? '';
  const commands = named === '' ? ['python3.13', 'python3.12', 'python3.11', 'python3'] : [named];
  const question = 'import sys; sys.exit(sys.version_info < (3, 11))';
  return commands.some((command) => spawnSync(command, ['-c', question]).status === 0);
}
