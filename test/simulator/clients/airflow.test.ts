import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Simulator } from '../../../src/simulator';
import { MAJORS, pythonOf } from '../../airflow/support/environments';
import { describeWithPython } from '../../airflow/support/suite';
import { closeSimulators, simulate, TOKEN } from '../workspace-client';
import { runScenario } from './scenarios';

const SCRIPT = join(__dirname, 'airflow_scenarios.py');
const OPEN_WITHIN_MS = 15 * 60_000;
const LIMIT_MS = 120_000;
const SUCCEEDED = { life_cycle: 'TERMINATED', result: 'SUCCESS', successful: true };
const FAILED = { life_cycle: 'INTERNAL_ERROR', result: 'FAILED', successful: false };

const scratch = mkdtempSync(join(tmpdir(), 'lh-airflow-client-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
afterEach(closeSimulators);

async function startWorkspace(): Promise<Simulator> {
  const simulator = await simulate({ speed: 50 });
  const broken = { result: 'FAILED', error: 'ValueError: no such table' };
  simulator.setOutcome({ match: {}, outcome: { notebookResult: 'forty-two' } });
  simulator.setOutcome({ match: { runName: 'broken', taskKey: 'a', attempt: 0 }, outcome: broken });
  simulator.setOutcome({ match: { runName: 'endless' }, outcome: { runMs: 3_600_000 } });
  return simulator;
}

/** By personal access token: the hook's OAuth wants HTTPS on port 443. */
function variables({ port }: Simulator, home: string): Record<string, string> {
  const connection = { conn_type: 'databricks', schema: 'http', host: '127.0.0.1', port, password: TOKEN };
  return {
    AIRFLOW_HOME: home,
    AIRFLOW_CONN_DATABRICKS_DEFAULT: JSON.stringify(connection),
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__LOGGING__LOGGING_LEVEL: 'ERROR',
    NO_PROXY: '*',
  };
}

describeWithPython(() => {
  describe.each([...MAJORS])("the Databricks hook of Airflow %i's environment", (major) => {
    const home = join(scratch, `airflow${major}`);
    let python: string;

    beforeAll(async () => {
      python = await pythonOf(major);
    }, OPEN_WITHIN_MS);

    /** Several scenarios in one process: Airflow takes seconds to be loaded. */
    async function see(...scenarios: readonly string[]): Promise<unknown> {
      const simulator = await startWorkspace();
      const scenario = scenarios.join(',');
      return runScenario({ python, script: SCRIPT, scenario, env: variables(simulator, home) });
    }

    test(
      'submits, runs saved jobs, cancels, repairs and reads, also asynchronously',
      async () => {
        const page = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\?o=\d+#job\/\d+\/run\/\d+$/);
        expect(await see('submitted', 'saved_jobs', 'canceled', 'repaired', 'asynchronous')).toEqual({
          submitted: {
            ...SUCCEEDED,
            ...{ connection: true, legacy: 'SUCCESS', tasks: ['a', 'b'], page, job: true },
            output: 'forty-two',
          },
          saved_jobs: {
            ...{ listed: 30, by_name: true, reset: true, unknown: null, result: 'SUCCESS' },
            deleted: expect.stringContaining('does not exist'),
          },
          canceled: { life_cycle: 'TERMINATED', result: 'CANCELED', successful: false },
          repaired: { first: FAILED, before: null, second: SUCCEEDED, latest: true },
          asynchronous: {
            ...{ result: 'SUCCESS', tasks: 1, page },
            output: { result: 'forty-two', truncated: false },
          },
        });
      },
      LIMIT_MS,
    );

    test(
      "the trigger follows a run, and one task of a run, to its event, a failed one with its tasks' errors",
      async () => {
        expect(await see('triggered')).toMatchObject({
          triggered: {
            good: { state: { result_state: 'SUCCESS' }, errors: [], page: 'page' },
            bad: {
              state: { life_cycle_state: 'INTERNAL_ERROR', result_state: 'FAILED' },
              errors: [{ task_key: 'a', error: 'ValueError: no such table' }],
            },
            task: { result_state: 'SUCCESS' },
          },
        });
      },
      LIMIT_MS,
    );
  });
});
