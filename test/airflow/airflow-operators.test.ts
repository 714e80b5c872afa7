import { isJsonObject, type JsonValue } from '../../src/connector';
import { AirflowMetadata } from '../../src/connectors/airflow';
import { beginScenarios, type Ended, type Endings } from './support/operator-scenarios';
import { describeBothMajors } from './support/suite';

/** Every kind of operator through the unchanged workflow, on both majors; all tasks of a major run side by side. */
const LIMIT_MS = 180_000;
const RETURNED = 'return_value';

const SUCCEEDED = { state: 'COMPLETED', phase: 'SUCCEEDED' };
const FAILED = { state: 'FAILED', code: 'JOB_FAILED' };

describeBothMajors<Endings>({
  prepare: async (bench) => {
    await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
    return beginScenarios(bench);
  },
  tests: (stage, major) => {
    const ended = async (name: string): Promise<Ended> => {
      const ending = stage().prepared.get(name);
      if (ending === undefined) throw new Error(`no scenario is named ${name}`);
      return ending;
    };
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);

    describe('Bash', () => {
      rule('its template sees parameters, dates and the XComs of upstream tasks', async () => {
        const task = await ended('bash');
        expect(task.status).toMatchObject(SUCCEEDED);
        expect(returned(task)).toBe('bob/2026-01-02/7');
      });

      rule('the task’s inputs are parameters, and XComs of a task named inputs', async () => {
        expect(returned(await ended('bashWithInputs'))).toBe('monday/monday');
      });

      rule('exit code 99 is a skip: a success that says so', async () => {
        expectSkipped(await ended('bashSkips'));
      });

      rule('another exit code fails the task, in its own words', async () => {
        expectFailed(await ended('bashFails'), /exit code 3/);
      });

      rule('a retry is a new attempt with a token of its own, after the operator’s own delay', async () => {
        const task = await ended('bashRetries');
        expect(task.status).toMatchObject(SUCCEEDED);
        expectAttempts(task, ['FAILED', 'SUCCEEDED']);
      });

      rule('its execution time-out ends it', async () => {
        expectFailed(await ended('bashTimesOut'), /AirflowTaskTimeout|[Tt]imeout/);
      });
    });

    describe('Python', () => {
      rule('what it returns and pushes are the outputs; variables come with the task', async () => {
        const task = await ended('python');
        expect(returned(task)).toEqual({ answer: 42, variable: 'hi' });
        expect(outputsOf(task)['extra']).toEqual({ given: expect.stringMatching(/./) });
      });

      rule('a skip is never retried', async () => {
        const task = await ended('pythonSkips');
        expectSkipped(task);
        expectAttempts(task, ['SUCCEEDED']);
      });

      rule('AirflowFailException is never retried, whatever retries say', async () => {
        const task = await ended('pythonFailsHard');
        expectFailed(task, /never retry this/);
        expectAttempts(task, ['FAILED']);
      });

      rule('an exception fails the task with its type and words', async () => {
        expectFailed(await ended('pythonRaises'), /ValueError: boom/);
      });
    });

    describe('Http', () => {
      rule('a request in one segment', async () => {
        expect(returned(await ended('http'))).toBe('hello from /hello?day=2026-01-02');
      });

      rule('a request in a trigger, its answer read by the callback', async () => {
        expect(returned(await ended('httpDeferred'))).toBe('hello from /hello?day=2026-01-02');
      });

      rule('an error of the site fails the task, naming the status', async () => {
        expectFailed(await ended('httpFails'), /500/);
      });
    });

    describe('sensors', () => {
      rule('a file is found by pokes, which are timers of the workflow', async () => {
        expect((await ended('filePoked')).status).toMatchObject(SUCCEEDED);
      });

      rule('… in reschedule mode with exponential back-off', async () => {
        expect((await ended('fileRescheduled')).status).toMatchObject(SUCCEEDED);
      });

      rule('… in a trigger', async () => {
        expect((await ended('fileDeferred')).status).toMatchObject(SUCCEEDED);
      });

      rule('a time-out fails the task and is never retried', async () => {
        const task = await ended('fileTimesOut');
        expectFailed(task, /AirflowSensorTimeout/);
        expectAttempts(task, ['FAILED']);
      });

      rule('… and so does that of a deferred sensor', async () => {
        expectFailed(await ended('fileTimesOutDeferred'), /AirflowSensorTimeout|TaskDeferralError/);
      });

      rule('with soft_fail a time-out is a skip', async () => {
        expectSkipped(await ended('fileSoftFails'));
      });

      rule('ten pokes write as much history as three', async () => {
        const [three, ten] = [await ended('threePokes'), await ended('tenPokes')];
        expect(returned(three)).toEqual({ pokes: 3 });
        expect(returned(ten)).toEqual({ pokes: 10 });
        expect(ten.status.historyLength).toBe(three.status.historyLength);
        expect(ten.status.historyLength).toBeLessThanOrEqual(40);
      });

      rule('a time delta and a moment are waited for in triggers', async () => {
        expect((await ended('timeDelta')).status).toMatchObject(SUCCEEDED);
        expect((await ended('dateTime')).status).toMatchObject(SUCCEEDED);
      });

      if (major === 3) {
        rule('a task that begins and ends with its trigger runs no segment', async () => {
          const task = await ended('dateTimeFromTrigger');
          expect(task.status).toMatchObject(SUCCEEDED);
          expect(task.status.historyLength).toBeLessThan((await ended('dateTime')).status.historyLength);
        });
      }
    });

    describe('deferrals', () => {
      rule('an operator that defers twice keeps its XComs and its callbacks’ arguments', async () => {
        const task = await ended('defersTwice');
        expect(returned(task)).toEqual({ event: { ticks: 1 }, step: 2, msg: 'bob' });
        expect(outputsOf(task)['middle']).toEqual({ event: { ticks: 2 }, msg: 'bob' });
      });

      rule('a trigger that raises fails the task', async () => {
        expectFailed(await ended('triggerBreaks'), /TaskDeferralError/);
      });

      rule('a deferral’s own time-out fails the task', async () => {
        expectFailed(await ended('triggerTimesOut'), /TaskDeferralTimeout|TaskDeferralError/);
      });

      rule('an execution time-out holds over the deferral too', async () => {
        expectFailed(await ended('deferralPassesExecutionTimeout'), /[Tt]imeout|TaskDeferralError/);
      });
    });

    describe('failures', () => {
      rule('a child that dies without a word counts as a try, and Airflow’s retries repeat it', async () => {
        const task = await ended('dies');
        expect(returned(task)).toBe('alive on try 2');
        expectAttempts(task, ['FAILED', 'SUCCEEDED']);
      });

      rule('… and without retries it fails, saying how the child ended', async () => {
        expectFailed(await ended('diesForGood'), /SIGKILL|signal 9|died/);
      });

      rule('each retry has the next try number and a token of its own', async () => {
        const task = await ended('retries');
        expect(returned(task)).toBe(3);
        expectAttempts(task, ['FAILED', 'FAILED', 'SUCCEEDED']);
      });

      rule('spent retries fail the task with the last words', async () => {
        const task = await ended('retriesAreSpent');
        expectFailed(task, /try 2 fails/);
        expectAttempts(task, ['FAILED', 'FAILED']);
      });
    });

    rule('a method of a hook on the allow-list is called once, with its connection', async () => {
      expect(returned(await ended('hook'))).toEqual({ greeting: 'hello bob', host: 'demo.example' });
    });

    describe('Databricks', () => {
      const counted = (): ReturnType<ReturnType<typeof stage>['bench']['simulator']['counters']> =>
        stage().bench.simulator.counters();
      const lastToken = ({ result }: Ended): string => result?.receipt.attempts.at(-1)?.token ?? '';

      rule('a run is submitted with our token, waited for in a trigger, and is the task’s id', async () => {
        const task = await ended('submitDeferred');
        expect(task.status).toMatchObject(SUCCEEDED);
        const seen = counted().tokens[lastToken(task)];
        expect(seen).toMatchObject({ posts: 1, runId: task.status.externalId });
        expect(outputsOf(task)['run_id']).toBe(task.status.externalId);
        expect(task.status.links.map(({ uri }) => uri).join()).toContain(task.status.externalId);
        const body = counted().submitBodies.find((sent) => sent.includes(lastToken(task)));
        expect(body).toContain('night 2026-01-02 bob');
      });

      rule('… the same in one long segment', async () => {
        const task = await ended('submitWaits');
        expect(task.status).toMatchObject(SUCCEEDED);
        expect(counted().tokens[lastToken(task)]).toMatchObject({ posts: 1 });
      });

      rule('a failed run fails the task', async () => {
        expectFailed(await ended('submitFails'), /FAILED|failed/);
      });

      rule('a retry after a failed run is another run, with another token', async () => {
        const task = await ended('submitRetries');
        expect(task.status).toMatchObject(SUCCEEDED);
        expectAttempts(task, ['FAILED', 'SUCCEEDED']);
        const runs = task.result?.receipt.attempts.map(({ token }) => counted().tokens[token]);
        expect(runs).toMatchObject([{ posts: 1 }, { posts: 1 }]);
        expect(runs?.[0]?.runId).not.toBe(runs?.[1]?.runId);
      });

      rule('a job is run now, deferred and not, with our token', async () => {
        for (const name of ['runNowDeferred', 'runNowWaits']) {
          const task = await ended(name);
          expect(task.status).toMatchObject(SUCCEEDED);
          expect(counted().tokens[lastToken(task)]).toMatchObject({ posts: 1 });
        }
      });
    });

    rule('the meta of every task is read by both sides alike', async () => {
      const tasks = await Promise.all(stage().prepared.values());
      for (const { status } of tasks) {
        const meta = AirflowMetadata.parse(status.meta);
        expect(meta).toEqual(status.meta);
        expect(AirflowMetadata.externalId(meta)).toBe(status.externalId);
        expect(meta.airflowMajor).toBe(major);
      }
    });
  },
});

function outputsOf({ result }: Ended): Readonly<Record<string, JsonValue>> {
  const outputs = result?.resource.outputs ?? {};
  return isJsonObject(outputs) ? outputs : {};
}

function returned(task: Ended): JsonValue | undefined {
  expect(task.status).toMatchObject(SUCCEEDED);
  return outputsOf(task)[RETURNED];
}

function expectSkipped({ status }: Ended): void {
  expect(status).toMatchObject({ ...SUCCEEDED, message: expect.stringMatching(/skipped/i) });
}

function expectFailed({ status }: Ended, words: RegExp): void {
  expect(status).toMatchObject({ ...FAILED, message: expect.stringMatching(words) });
}

/** Each attempt once, in order, with a token of its own. */
function expectAttempts({ result }: Ended, phases: readonly string[]): void {
  const attempts = result?.receipt.attempts ?? [];
  expect(attempts.map(({ phase }) => phase)).toEqual(phases);
  expect(new Set(attempts.map(({ token }) => token)).size).toBe(phases.length);
}
