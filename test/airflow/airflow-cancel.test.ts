import type { TaskOutcome } from '../../src/client';
import { isAlive } from '../temporal/support';
import { waitUntil } from '../support/wait-until';
import { notesOf } from './support/airflow-bench';
import { cancelEverywhere, type Canceled } from './support/cancel-scenarios';
import { describeBothMajors } from './support/suite';

/** A cancel in every state a task can be in, all at once; then again with the worker dead. */
const LIMIT_MS = 200_000;
const CANCELED = { state: 'CANCELED', code: 'CANCELED' };

describeBothMajors<Canceled>({
  options: () => ({ simulator: { timing: { runMs: 3_600_000 } } }),
  prepare: cancelEverywhere,
  tests: (stage) => {
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);
    const ended = async (name: string): Promise<TaskOutcome> => {
      const ending = stage().prepared.endings.get(name);
      if (ending === undefined) throw new Error(`no task was ${name}`);
      return ending;
    };
    const expectCanceled = async (name: string): Promise<TaskOutcome> => {
      const outcome = await ended(name);
      expect({ task: name, ...outcome.status }).toMatchObject({ task: name, ...CANCELED });
      return outcome;
    };
    const folderOf = (name: string): string => stage().prepared.folders.get(name) ?? '';

    rule('a run is stopped while its task is deferred, waits for it, or submits it', async () => {
      for (const name of ['deferred', 'waiting', 'submitting']) await expectCanceled(name);
    });

    rule('Bash gets its TERM, and nothing of its process group is left', async () => {
      await expectCanceled('shell');
      expect(notesOf(`${folderOf('shell')}/trapped`)).toEqual(['TERM']);
      const [grandchild = ''] = notesOf(`${folderOf('shell')}/grandchild`);
      expect(Number(grandchild)).toBeGreaterThan(0);
      await waitUntil('the process group to be gone', () => !isAlive(Number(grandchild)) || undefined);
    });

    rule(
      'a deferred operator whose trigger kills nothing does it itself, for the job it had named',
      async () => {
        await expectCanceled('deferredOperator');
        expect(notesOf(`${folderOf('deferredOperator')}/killed`)).toEqual(['on_kill job=J-9']);
        expect(notesOf(`${folderOf('deferredOperator')}/resumed`)).toEqual([]);
      },
    );

    rule('a sensor between two pokes, a retry in its pause, a hook', async () => {
      for (const name of ['betweenPokes', 'retryPause', 'hook']) await expectCanceled(name);
    });

    describe('with its worker dead', () => {
      rule('a task stays open and says so until another worker confirms', async () => {
        expect(stage().prepared.whileDead).toEqual(['OPEN', 'OPEN', 'OPEN']);
        for (const name of ['deadDeferred', 'deadWaiting', 'deadOperator']) await expectCanceled(name);
        expect(notesOf(`${folderOf('deadOperator')}/killed`)).toEqual(['on_kill job=J-9']);
      });

      rule('a task that no worker has seen is canceled with nothing started', async () => {
        await expectCanceled('neverTaken');
        expect(notesOf(`${folderOf('neverTaken')}/started`)).toEqual([]);
      });
    });

    rule('every run of the workspace was canceled, and none was started twice', async () => {
      await Promise.all(stage().prepared.endings.values());
      const { runsCreated, activeRuns, cancels, tokens } = stage().bench.simulator.counters();
      const runs = Object.values(tokens).map(({ runId }) => runId);
      expect(Object.keys(cancels).sort()).toEqual(runs.sort());
      expect({ runsCreated, activeRuns }).toEqual({ runsCreated: 5, activeRuns: 0 });
    });
  },
});
