import type { TaskOutcome } from '../../src/client';
import { letGo, notesOf, untilNoted } from './support/airflow-bench';
import { beginDeferred, endRuns, UNTIL_LET_GO_MS, untilStep } from './support/crash-scenarios';
import { bash, DEMO, operator, submitRun } from './support/operators';
import { processesWith } from './support/python-worker';
import { describeBothMajors } from './support/suite';

/** A worker that is asked to end hands its tasks over: a shutdown is never a cancel. */
const LIMIT_MS = 120_000;
const DEFERRED = 4;

interface HandedOver {
  readonly end: number | NodeJS.Signals | null;
  readonly orphans: readonly string[];
  readonly outcomes: readonly TaskOutcome[];
  readonly shell: TaskOutcome;
  readonly folder: string;
}

describeBothMajors<HandedOver>({
  options: () => ({ simulator: { timing: { runMs: UNTIL_LET_GO_MS } } }),
  prepare: async (bench) => {
    const [, first] = await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
    const folder = bench.folder('shell');
    const waiting = await Promise.all([
      bench.begin({ spec: submitRun({ name: 'sync', deferrable: false }) }),
      bench.begin({ spec: operator(`${DEMO}.DefersToFile`, { folder }) }),
    ]);
    const deferred = await beginDeferred(bench, DEFERRED);
    const command = `echo started >> ${folder}/started; while ! test -e ${folder}/go; do sleep 0.2; done`;
    const shell = await bench.begin({ spec: bash(command) });
    await Promise.all([
      ...deferred.map((id) => untilStep(bench, id, 'trigger')),
      untilNoted(`${folder}/started`),
      untilNoted(`${folder}/waiting`),
    ]);
    first.kill('SIGTERM');
    await bench.spawnWorker();
    letGo(folder);
    const end = await first.ended;
    endRuns(bench);
    const outcomes = await Promise.all([...waiting, ...deferred].map((id) => bench.tasks.wait(id)));
    const orphans = processesWith(bench.scratch).filter((command_) => command_.includes('sleep'));
    return { end, orphans, outcomes, shell: await bench.tasks.wait(shell), folder };
  },
  tests: (stage) => {
    const rule = (title: string, check: () => void): void => test(title, check, LIMIT_MS);

    rule('it ends by itself, in order, and leaves no process behind', () => {
      expect(stage().prepared).toMatchObject({ end: 0, orphans: [] });
    });

    rule('what can be taken up is taken up by another worker, with one run each', () => {
      for (const { status, result } of stage().prepared.outcomes) {
        expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
        expect(result?.receipt.attempts).toHaveLength(1);
      }
      const { runsCreated, activeRuns } = stage().bench.simulator.counters();
      expect({ runsCreated, activeRuns }).toEqual({ runsCreated: DEFERRED + 1, activeRuns: 0 });
    });

    rule('what cannot be taken up is given time to end', () => {
      expect(stage().prepared.shell.status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
      expect(notesOf(`${stage().prepared.folder}/started`)).toHaveLength(1);
    });

    rule('nothing was canceled: no run, no trigger, no operator', () => {
      expect(stage().bench.simulator.counters().cancels).toEqual({});
      expect(notesOf(`${stage().prepared.folder}/canceled`)).toEqual([]);
      expect(notesOf(`${stage().prepared.folder}/killed`)).toEqual([]);
    });
  },
});
