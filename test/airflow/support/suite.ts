import { Runtime } from '@temporalio/worker';

import { installQuietRuntime } from '../../support/task-bench';
import { openAirflowBench, type AirflowBench, type AirflowBenchOptions } from './airflow-bench';
import { hasPython, MAJORS, type AirflowMajor } from './environments';

/** Environments are made on demand, once a machine; everything else takes seconds. */
const OPEN_WITHIN_MS = 15 * 60_000;

/** What the tests of one major have in hand. */
export interface Stage<S> {
  readonly bench: AirflowBench;
  /** What was prepared: usually tasks under way, so that all waits run side by side. */
  readonly prepared: S;
}

export interface AirflowSuite<S> {
  /** Asked once, before the benches open. */
  readonly options?: () => Promise<AirflowBenchOptions> | AirflowBenchOptions;
  /** Runs before the tests, for both majors at once. */
  readonly prepare: (bench: AirflowBench) => Promise<S>;
  /** Declares the tests of one major; the stage is there once they run. */
  readonly tests: (stage: () => Stage<S>, major: AirflowMajor) => void;
}

/** Declares the same rules for both majors. Without a fitting Python they fail in CI and are left out elsewhere. */
export function describeBothMajors<S>(suite: AirflowSuite<S>): void {
  describeWithPython(() => {
    const stages = new Map<AirflowMajor, Stage<S>>();
    const benches: AirflowBench[] = [];
    const open = async (major: AirflowMajor, options: AirflowBenchOptions): Promise<void> => {
      const bench = await openAirflowBench(major, options);
      benches.push(bench);
      stages.set(major, { bench, prepared: await suite.prepare(bench) });
    };

    beforeAll(async () => {
      installQuietRuntime();
      const options = (await suite.options?.()) ?? {};
      const opened = await Promise.allSettled(MAJORS.map((major) => open(major, options)));
      for (const each of opened) if (each.status === 'rejected') throw each.reason;
    }, OPEN_WITHIN_MS);

    afterAll(async () => {
      await Promise.all(benches.map((bench) => bench.close()));
      await Runtime.instance().shutdown();
    }, 60_000);

    describe.each([...MAJORS])('Airflow %i', (major) => {
      suite.tests(() => {
        const stage = stages.get(major);
        if (stage === undefined) throw new Error(`Airflow ${major} was not opened`);
        return stage;
      }, major);
    });
  });
}

/** Declares tests that need a Python for Airflow: without one they fail in CI and are left out elsewhere. */
export function describeWithPython(declare: () => void): void {
  const title = 'with a Python of 3.11 or newer';
  if (hasPython()) describe(title, declare);
  else if (process.env['CI']) {
    test('a Python of 3.11 or newer is installed', () => {
      throw new Error('No python3 of 3.11 or newer was found: install one, the Airflow tests need it.');
    });
  } else {
    process.stdout.write('No Python of 3.11 or newer was found: the Airflow tests are left out.\n');
    describe.skip(title, declare);
  }
}
