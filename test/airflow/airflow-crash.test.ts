import type { TaskOutcome } from '../../src/client';
import { notesOf, type AirflowBench } from './support/airflow-bench';
import { crashWorker, DEFERRED, UNTIL_LET_GO_MS, type Crashed } from './support/crash-scenarios';
import { describeBothMajors } from './support/suite';

/** The Python worker is really killed, once, with a task in every kind of segment. */
const LIMIT_MS = 240_000;
const SUCCEEDED = { state: 'COMPLETED', phase: 'SUCCEEDED' };

describeBothMajors<Crashed>({
  options: () => ({ simulator: { timing: { runMs: UNTIL_LET_GO_MS } } }),
  prepare: crashWorker,
  tests: (stage) => {
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);
    const ended = (name: string): Promise<TaskOutcome> => {
      const ending = stage().prepared.endings.get(name);
      if (ending === undefined) throw new Error(`no task was ${name}`);
      return ending;
    };
    const startsOf = (name: string): number =>
      notesOf(`${stage().prepared.folders.get(name) ?? ''}/started`).length;

    rule('no process of a segment outlives its worker', async () => {
      expect(stage().prepared.orphans).toEqual([]);
    });

    rule('twenty deferred tasks all succeed, with one run and one submit each', async () => {
      const outcomes = await Promise.all(stage().prepared.deferred);
      expect(outcomes).toHaveLength(DEFERRED);
      for (const outcome of outcomes) expectOneRun(stage().bench, outcome, 1);
    });

    rule('an operator that waits for its run goes on with the same run', async () => {
      expectOneRun(stage().bench, await ended('waitingForARun'));
    });

    rule('a submit that was never answered is sent again with the same token: one run', async () => {
      expectOneRun(stage().bench, await ended('submitting'));
    });

    rule('a callback that takes a token is run again', async () => {
      expectOneRun(stage().bench, await ended('finishingARun'));
      expect(startsOf('finishingARun')).toBe(2);
    });

    rule('a poke is run again, whether it was the first or a later one', async () => {
      for (const name of ['firstPoke', 'poke']) {
        expect((await ended(name)).status).toMatchObject(SUCCEEDED);
        expect(startsOf(name)).toBe(2);
      }
    });

    rule(
      'a shell command, a callback and a hook of unknown outcome are never run again silently',
      async () => {
        for (const name of ['shell', 'resuming', 'hook']) {
          const { status } = await ended(name);
          expect({ task: name, ...status }).toMatchObject({
            task: name,
            state: 'FAILED',
            code: 'OUTCOME_UNKNOWN',
          });
          expect(startsOf(name)).toBe(1);
        }
      },
    );

    rule('… but are where the task says onUnknown: retry', async () => {
      const { status, result } = await ended('shellToBeRepeated');
      expect(status).toMatchObject(SUCCEEDED);
      expect(result?.receipt.attempts).toMatchObject([
        { decision: expect.stringMatching(/outcome is unknown/) },
        { phase: 'SUCCEEDED' },
      ]);
      expect(startsOf('shellToBeRepeated')).toBe(2);
    });

    rule('no run was started twice, none is left, none was canceled', async () => {
      await Promise.all([...stage().prepared.endings.values(), ...stage().prepared.deferred]);
      const { runsCreated, activeRuns, cancels } = stage().bench.simulator.counters();
      expect({ runsCreated, activeRuns, cancels }).toEqual({
        runsCreated: DEFERRED + 3,
        activeRuns: 0,
        cancels: {},
      });
    });
  },
});

/** Green, with one attempt, whose token the workspace knows for one run. */
function expectOneRun({ simulator }: AirflowBench, { status, result }: TaskOutcome, posts?: number): void {
  expect(status).toMatchObject(SUCCEEDED);
  const [attempt, ...more] = result?.receipt.attempts ?? [];
  expect(more).toEqual([]);
  const seen = simulator.counters().tokens[attempt?.token ?? ''];
  expect(seen).toMatchObject({ runId: status.externalId });
  if (posts !== undefined) expect(seen?.posts).toBe(posts);
}
