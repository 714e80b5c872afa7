import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TaskOutcome } from '../../../src/client';
import type { JsonObject } from '../../../src/connector';
import { untilTask, type AirflowBench, type AirflowTask } from './airflow-bench';
import {
  bash,
  DATE_TIME_SENSOR,
  DEMO,
  DEMO_HOOK,
  DEMO_SENSORS,
  FILE_SENSOR,
  HTTP,
  operator,
  python,
  RUN_NOW,
  submitRun,
  TIME_DELTA_SENSOR,
  timedelta,
} from './operators';

/** A task, and what people do while it is under way. */
interface Scenario extends AirflowTask {
  readonly act?: (id: string) => Promise<void>;
}

const CONTEXT = {
  logical_date: '2026-01-02T03:04:05+00:00',
  params: { who: 'bob' },
  upstream: { up: { return_value: { n: 7 } } },
};

function shells(folder: string): Readonly<Record<string, Scenario>> {
  const echo = "echo {{ params.who }}/{{ ds }}/{{ ti.xcom_pull(task_ids='up')['n'] }}";
  const once = `echo try >> ${folder}/tries; test $(wc -l < ${folder}/tries) -ge 2`;
  return {
    bash: { spec: bash(echo, CONTEXT) },
    bashWithInputs: {
      spec: bash("echo {{ params.day }}/{{ ti.xcom_pull(task_ids='inputs', key='day') }}"),
      inputs: { day: 'monday' },
    },
    bashSkips: { spec: bash('exit 99') },
    bashFails: { spec: bash('echo last words; exit 3') },
    bashRetries: {
      spec: operator('airflow.providers.standard.operators.bash.BashOperator', {
        bash_command: once,
        retries: 2,
        retry_delay: timedelta(1),
      }),
    },
    bashTimesOut: {
      spec: operator('airflow.providers.standard.operators.bash.BashOperator', {
        bash_command: 'sleep 60',
        execution_timeout: timedelta(1),
      }),
    },
    python: {
      spec: python('push_two', { op_kwargs: { given: '{{ run_id }}' } }, { variables: { greeting: 'hi' } }),
    },
    pythonSkips: { spec: python('skip', { retries: 3 }) },
    pythonFailsHard: { spec: python('fail_hard', { retries: 3 }) },
    pythonRaises: { spec: python('boom') },
  };
}

function sites(): Readonly<Record<string, Scenario>> {
  const get = { endpoint: 'hello?day={{ ds }}', method: 'GET' };
  return {
    http: { spec: operator(HTTP, { ...get, deferrable: false }, CONTEXT) },
    httpDeferred: { spec: operator(HTTP, { ...get, deferrable: true }, CONTEXT) },
    httpFails: { spec: operator(HTTP, { endpoint: 'fail', method: 'GET', deferrable: false }) },
  };
}

function sensors(bench: AirflowBench): Readonly<Record<string, Scenario>> {
  const folder = bench.folder('sensors');
  const appears = (file: string) => async (id: string) => {
    await untilTask(bench, id, ({ nextCheckAt }) => nextCheckAt !== undefined);
    writeFileSync(join(folder, file), '');
  };
  const sensor = (file: string, more: JsonObject): JsonObject =>
    operator(FILE_SENSOR, { filepath: join(folder, file), poke_interval: 1, deferrable: false, ...more });
  const counting = (pokes: number): JsonObject =>
    operator(`${DEMO_SENSORS}.CountsPokes`, {
      file: join(folder, `pokes-${pokes}`),
      pokes,
      poke_interval: 1,
    });
  const backoff = { mode: 'reschedule', exponential_backoff: true, max_wait: 2 };
  return {
    filePoked: { spec: sensor('poked', {}), act: appears('poked') },
    fileRescheduled: { spec: sensor('rescheduled', backoff), act: appears('rescheduled') },
    fileDeferred: {
      spec: sensor('deferred', { deferrable: true }),
      act: async (id) => {
        await untilTask(bench, id, (status) => stepOf(status.meta) === 'trigger');
        writeFileSync(join(folder, 'deferred'), '');
      },
    },
    fileTimesOut: { spec: sensor('never', { timeout: 3, retries: 2 }) },
    fileTimesOutDeferred: { spec: sensor('never', { timeout: 3, deferrable: true }) },
    fileSoftFails: { spec: sensor('never', { timeout: 3, soft_fail: true }) },
    threePokes: { spec: counting(3) },
    tenPokes: { spec: counting(10) },
    timeDelta: { spec: operator(TIME_DELTA_SENSOR, { delta: timedelta(2), deferrable: true }) },
    dateTime: {
      spec: operator(DATE_TIME_SENSOR, {
        target_time: '{{ macros.datetime.now(macros.dateutil.tz.UTC) + macros.timedelta(seconds=2) }}',
      }),
    },
    ...(bench.major === 2 ? {} : { dateTimeFromTrigger: { spec: fromTrigger() } }),
  };
}

/** Begins with its trigger and ends with it: none of the operator's own code runs. */
function fromTrigger(): JsonObject {
  const target = new Date(Date.now() + 4_000).toISOString();
  return operator(DATE_TIME_SENSOR, {
    target_time: target,
    start_from_trigger: true,
    end_from_trigger: true,
  });
}

/** The kind of step a task's meta says it is at. */
export function stepOf(meta: JsonObject | undefined): unknown {
  const step = meta?.['step'];
  return typeof step === 'object' && step !== null ? Reflect.get(step, 'kind') : undefined;
}

function deferrals(bench: AirflowBench): Readonly<Record<string, Scenario>> {
  return {
    defersTwice: { spec: operator(`${DEMO}.DefersTwice`, { msg: '{{ params.who }}' }, CONTEXT) },
    triggerBreaks: { spec: operator(`${DEMO}.DefersToBroken`, {}) },
    triggerTimesOut: {
      spec: operator(`${DEMO}.DefersToFile`, { folder: bench.folder('late'), timeout_seconds: 2 }),
    },
    deferralPassesExecutionTimeout: {
      spec: operator(`${DEMO}.DefersToFile`, {
        folder: bench.folder('late'),
        execution_timeout: timedelta(2),
      }),
    },
    dies: { spec: operator(`${DEMO}.Dies`, { retries: 1, retry_delay: timedelta(1) }) },
    diesForGood: { spec: operator(`${DEMO}.Dies`, { retries: 0 }) },
    retries: {
      spec: operator(`${DEMO}.FailsFirst`, { until_try: 3, retries: 2, retry_delay: timedelta(1) }),
    },
    retriesAreSpent: {
      spec: operator(`${DEMO}.FailsFirst`, { until_try: 9, retries: 1, retry_delay: timedelta(1) }),
    },
    hook: { spec: { hook: DEMO_HOOK, parameters: {}, method: 'greet', args: { name: 'bob' } } },
  };
}

function databricks(jobId: string): Readonly<Record<string, Scenario>> {
  const runNow = (deferrable: boolean): JsonObject =>
    operator(RUN_NOW, { job_id: jobId, deferrable, polling_period_seconds: 1 });
  return {
    submitDeferred: { spec: submitRun({ name: 'night {{ ds }} {{ params.who }}' }, CONTEXT) },
    submitWaits: { spec: submitRun({ name: 'sync', deferrable: false }) },
    submitFails: { spec: submitRun({ name: 'bad' }) },
    submitRetries: {
      spec: submitRun({
        name: 'flaky {{ ti.try_number }}',
        parameters: { retries: 1, retry_delay: timedelta(1) },
      }),
    },
    runNowDeferred: { spec: runNow(true) },
    runNowWaits: { spec: runNow(false) },
  };
}

async function createJob({ simulator, token }: AirflowBench): Promise<string> {
  const answer = await fetch(`${simulator.url}/api/2.2/jobs/create`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      name: 'nightly',
      tasks: [{ task_key: 'a', notebook_task: { notebook_path: '/a' } }],
    }),
  });
  const [, jobId = ''] = /"job_id":\s*(\d+)/.exec(await answer.text()) ?? []; // too many digits for a number
  return jobId;
}

/** An ended task and its id, by the name of its scenario. */
export interface Ended extends TaskOutcome {
  readonly id: string;
}
export type Endings = ReadonlyMap<string, Promise<Ended>>;

/** Starts all of them at once; each is waited for by the test that asks for it. */
export async function beginScenarios(bench: AirflowBench): Promise<Endings> {
  for (const runName of ['bad', 'flaky 1']) {
    bench.simulator.setOutcome({ match: { runName }, outcome: { result: 'FAILED', error: 'no table' } });
  }
  const scenarios = {
    ...shells(bench.folder('shells')),
    ...sites(),
    ...sensors(bench),
    ...deferrals(bench),
    ...databricks(await createJob(bench)),
  };
  const endings = Object.entries(scenarios).map(([name, scenario]) => [name, run(bench, scenario)] as const);
  for (const [, ending] of endings) ending.catch(() => undefined); // its own test reports it
  return new Map(endings);
}

async function run(bench: AirflowBench, { act, ...task }: Scenario): Promise<Ended> {
  const id = await bench.begin(task);
  await act?.(id);
  return { id, ...(await bench.tasks.wait(id)) };
}
