import { homedir } from 'node:os';
import { join } from 'node:path';

import { openAirflowEnvironment } from '../../src/worker/airflow-environment';

/** The Python of `longhaul worker --airflow 3`; an environment at hand may be named instead. */
export async function findAirflowPython(): Promise<string> {
  const given = process.env['LONGHAUL_BENCH_AIRFLOW_PYTHON'];
  if (given !== undefined) return given;
  const home = process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul');
  const report = (message: string): void => {
    console.error(message);
  };
  return (await openAirflowEnvironment({ major: 3, home, env: process.env, report })).python;
}
